// Command gendoc writes docs/FSM.md from the tables of package fsm. Run it with
// `make docs`.
package main

import (
	"fmt"
	"os"

	"msdha/internal/fsm"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gendoc FILE")
		os.Exit(2)
	}
	if err := os.WriteFile(os.Args[1], []byte(fsm.Document()), 0o644); err != nil {
		fmt.Fprintf(os.Stderr, "gendoc: cannot write the document: %v\n", err)
		os.Exit(1)
	}
}
