// Package testkit has what tests of several packages share. It knows nothing of
// msdha.
package testkit
