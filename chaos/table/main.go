// Command table holds what scenarios cost here against what peers cost, measured
// once and quoted. It reads the results of `make chaos` and `make chaos-long`:
//
//	go run ./chaos/table [-write chaos/README.md] bin/chaos.json bin/chaos-long.json
//
// A file that is not there counts as empty, and a cell without a measurement is "-".
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"msdha/chaos/markdown"
	"msdha/chaos/rig"
)

const (
	begin = "<!-- table:begin"
	end   = "<!-- table:end -->"
)

func main() {
	write := flag.String("write", "", "put the table between the marks of this document, too")
	flag.Parse()
	if err := run(*write, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "table:", err)
		os.Exit(1)
	}
}

func run(document string, files []string) error {
	var all []rig.Result
	for _, name := range files {
		results, err := read(name)
		if err != nil {
			return err
		}
		all = append(all, results...)
	}
	text := render(all)
	fmt.Print(text)
	if document == "" {
		return nil
	}
	if len(all) == 0 {
		return fmt.Errorf("there are no results in %s: run make chaos first", strings.Join(files, ", "))
	}
	old, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	now, err := markdown.Replace(string(old), begin, end, text)
	if err != nil {
		return fmt.Errorf("%s: %w", document, err)
	}
	return os.WriteFile(document, []byte(now), 0o644)
}

func read(name string) (results []rig.Result, err error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &results); err != nil {
		return nil, fmt.Errorf("%s is no result of a run: %w", name, err)
	}
	return results, nil
}
