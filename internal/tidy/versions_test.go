package tidy

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// TestOneEtcd: the image has the etcd that everything else is tested with.
func TestOneEtcd(t *testing.T) {
	all := append(etcdVersions(t, "go.mod"), etcdVersions(t, "tools/etcd/go.mod")...)
	slices.Sort(all)
	if versions := slices.Compact(all); len(versions) != 1 {
		t.Errorf("go.mod and tools/etcd/go.mod name etcd %q: choose one", versions)
	}
}

// etcdVersions are those of etcd's own modules that a go.mod requires.
func etcdVersions(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(file)))
	if err != nil {
		t.Fatal(err)
	}
	var versions []string
	row := regexp.MustCompile(`(?m)^\tgo\.etcd\.io/etcd/\S+ (v\S+)`)
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		versions = append(versions, m[1])
	}
	if len(versions) == 0 {
		t.Errorf("%s requires nothing of etcd", file)
	}
	return versions
}
