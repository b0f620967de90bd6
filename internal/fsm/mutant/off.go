//go:build !mutants

package mutant

import "time"

// Built says whether bugs can be planted in this build.
const Built = false

// On reports whether the bug is planted: never, in this build.
func On(Bug) bool { return false }

// Noise is what a machine would depend on if it were not pure: nothing.
func Noise() time.Duration { return 0 }
