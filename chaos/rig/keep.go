package rig

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/client"
)

// Keep writes all logs and recordings to a new directory.
func (c *Cluster) Keep(ctx context.Context) (dir string, err error) {
	if dir, err = os.MkdirTemp("", "msdha-chaos-"); err != nil {
		return "", err
	}
	var errs []error
	for _, m := range slices.Concat(c.Etcds, c.Nodes, c.Fronts) {
		f, err := os.Create(filepath.Join(dir, m.Name+".log"))
		if err != nil {
			return dir, err
		}
		errs = append(errs, m.log(ctx, f, time.Time{}), f.Close())
	}
	if c.holder != nil {
		errs = append(errs, c.fetchRecordings(ctx, dir))
	}
	return dir, errors.Join(errs...)
}

// fetchRecordings copies every recording there is below dir/record.
func (c *Cluster) fetchRecordings(ctx context.Context, dir string) error {
	from, err := c.Engine.docker.CopyFromContainer(ctx, c.holder.id,
		client.CopyFromContainerOptions{SourcePath: "/volumes/record"})
	if err != nil {
		return fmt.Errorf("cannot copy the recordings: %w", err)
	}
	defer from.Content.Close() //nolint:errcheck // only read
	in := tar.NewReader(from.Content)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot copy the recordings: %w", err)
		}
		if err := unpack(dir, h, in); err != nil {
			return err
		}
	}
}

func unpack(dir string, h *tar.Header, in io.Reader) error {
	if !filepath.IsLocal(h.Name) || h.Typeflag != tar.TypeReg || !strings.HasSuffix(h.Name, ".jsonl") {
		return nil
	}
	path := filepath.Join(dir, h.Name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, in)
	return errors.Join(err, f.Close())
}
