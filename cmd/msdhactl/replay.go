package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"msdha/internal/runtime"
)

func newReplay() *cobra.Command {
	return &cobra.Command{
		Use:   "replay FILE|DIR…",
		Short: "Run recordings of backends and frontends again",
		Long: "replay runs what MSDHA_RECORD wrote through new state machines, which must ask for the same in\n" +
			"each step. Of a directory every *" + runtime.RecordingSuffix + " is replayed. The last line of a\n" +
			"process that was killed may be cut off, and is left out. A recording of another version may differ for\n" +
			"good reasons; its first line names the version.\n\n" +
			"Exit codes: 0 all agree, 1 one differs or cannot be read, 78 wrong arguments.",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(c, errors.New("a recording is missing"))
			}
			return nil
		},
		RunE: replayAll,
	}
}

func replayAll(c *cobra.Command, args []string) error {
	var files []string
	for _, path := range args {
		found, err := recordings(path)
		if err != nil {
			return err
		}
		files = append(files, found...)
	}
	differ := 0
	for _, file := range files {
		result, err := replay(file)
		if err != nil {
			differ++
			result = err.Error()
		}
		fmt.Fprintf(c.OutOrStdout(), "%s: %s\n", file, result)
	}
	if differ > 0 {
		return fmt.Errorf("%d of %d recordings do not replay", differ, len(files))
	}
	return nil
}

// recordings are the file itself, or those in the directory.
func recordings(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if filepath.Ext(e.Name()) == runtime.RecordingSuffix {
			files = append(files, filepath.Join(path, e.Name()))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("there is no *%s in %s", runtime.RecordingSuffix, path)
	}
	return files, nil
}

func replay(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // only read
	steps, cut, err := runtime.Replay(f)
	switch {
	case err != nil:
		return "", fmt.Errorf("after %d steps: %w", steps, err)
	case cut:
		return fmt.Sprintf("%d steps, all agree; the last line is cut off", steps), nil
	}
	return fmt.Sprintf("%d steps, all agree", steps), nil
}
