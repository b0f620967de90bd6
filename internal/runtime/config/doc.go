// Package config turns the environment into the typed configuration of the
// backend, the frontend and msdhactl (SPEC C). Nothing else in msdha reads the
// environment.
//
// One table (variables.go) holds every variable: who uses it, its default, what it
// means, the form it accepts, how it is parsed, and whether its feature is
// built. Parsing, the faults, the README's table (Markdown) and the text of
// --help (Help) all come from it. Defaults go through the same parsers as
// values do, so the documents cannot promise a default that is not the one.
//
// Rules that hold for every variable:
//   - All faults are reported at once, as one error of type Faults, each with
//     variable, value (never a password's) and accepted form. The caller exits
//     with status 78 (SPEC N6).
//   - X_FILE names a file that holds X; both set is a fault. Line ends at the
//     end of the file are not part of the value.
//   - An empty value counts as unset, as compose files write `X: ${X:-}`.
//   - A variable that only another program uses is validated and otherwise
//     ignored: compose files share environments.
//   - A known variable whose feature is not built is refused, whatever its
//     value; an unknown MSDHA_* warns with the nearest known name.
//
// The libraries that fill structs from the environment (caarlos0/env,
// envconfig, kong) were not taken: none of them has X_FILE beside X, refuses or
// suggests names it does not know, or keeps a password out of its parse errors,
// so all that would be left of them here is a call of strconv.
package config
