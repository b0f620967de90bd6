// Package postgresql holds the hooks that run PostgreSQL under msdha: the same
// for images, compose files and the demo. See README.md.
package postgresql

import "embed"

// Hooks are the files of the directory hooks, without their modes: all but
// the *.sh are executable.
//
//go:embed hooks
var Hooks embed.FS
