//go:build !mutants

package mutant

// Built says whether bugs can be planted in this build.
const Built = false

// On reports whether the bug is planted: never, in this build.
func On(Bug) bool { return false }
