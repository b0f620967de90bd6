//go:build docker

package images_test

import (
	"encoding/json"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// TestStamps: an image says what it is made of, and so does the program in it.
func TestStamps(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("git", "log", "-1", "--format=%H %cI").Output()
	if err != nil {
		t.Fatal(err)
	}
	revision, created, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	for name, program := range map[string]string{
		"backend": "backend", "backend-postgresql": "backend", "frontend": "frontend",
		"witness": "witness", "etcd": "",
	} {
		var labels map[string]string
		text := docker(t, "image", "inspect", "-f", "{{json .Config.Labels}}", image(name))
		if err := json.Unmarshal([]byte(text), &labels); err != nil {
			t.Fatal(err)
		}
		for label, want := range map[string]string{
			"title": "msdha-" + name, "version": version, "revision": revision, "created": created,
		} {
			if got := labels["org.opencontainers.image."+label]; got != want {
				t.Errorf("%s: label %s is %q, want %q; `make images` builds it anew", name, label, got, want)
			}
		}
		if program == "" {
			continue
		}
		want := "msdha " + program + " " + version
		if said := docker(t, "run", "--rm", "--label", run, image(name), "--version"); said != want {
			t.Errorf("%s says %q, want %q", name, said, want)
		}
	}
}

// TestFrontendImage: small, and nobody's root.
func TestFrontendImage(t *testing.T) {
	t.Parallel()
	const limit = 20 << 20
	size, err := strconv.Atoi(docker(t, "image", "inspect", "-f", "{{.Size}}", image("frontend")))
	if err != nil || size > limit {
		t.Errorf("it has %d bytes, error %v; want at most %d", size, err, limit)
	}
	for image, want := range map[string]string{
		image("frontend"): "65532:65532", image("witness"): "65532:65532",
		image("backend-postgresql"): "postgres", image("backend"): "",
	} {
		if user := docker(t, "image", "inspect", "-f", "{{.Config.User}}", image); user != want {
			t.Errorf("%s runs as %q, want %q", image, user, want)
		}
	}
}
