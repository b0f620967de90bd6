package kv

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// MaxPosition is how many integers a position may have.
const MaxPosition = 4

// Position is how far a node's data reaches: integers compared left to right, of
// which the first is the epoch under which its last record was written (SPEC E7).
// The zero Position is that of a node without a position hook; all those are equal.
type Position struct {
	Len int8
	At  [MaxPosition]int64
}

// NewPosition refuses more than MaxPosition integers and negative ones.
func NewPosition(list []int64) (p Position, err error) {
	if len(list) > MaxPosition {
		return p, fmt.Errorf("a position has at most %d integers, not %d", MaxPosition, len(list))
	}
	for i, n := range list {
		if n < 0 {
			return Position{}, fmt.Errorf("a position has no negative integers, such as %d", n)
		}
		p.At[i] = n
	}
	p.Len = int8(len(list))
	return p, nil
}

// ParsePosition reads what a position hook prints: one to four integers with
// spaces between them.
func ParsePosition(s string) (Position, error) {
	var list []int64
	for _, word := range strings.Fields(s) {
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return Position{}, fmt.Errorf("cannot read the position %q: want 1 to %d integers from 0 to 2^63-1, "+
				"the epoch of the last record first", s, MaxPosition)
		}
		list = append(list, n)
	}
	if len(list) == 0 {
		return Position{}, fmt.Errorf("the position is empty: want 1 to %d integers, "+
			"the epoch of the last record first", MaxPosition)
	}
	return NewPosition(list)
}

// Compare is negative where p is lower than o. Where one is the beginning of the
// other, it is the lower one.
func (p Position) Compare(o Position) int {
	for i := range min(p.Len, o.Len) {
		if c := cmp.Compare(p.At[i], o.At[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(p.Len, o.Len)
}

// String is the integers with spaces between them, as a hook prints them.
func (p Position) String() string {
	var words []string
	for _, n := range p.At[:p.Len] {
		words = append(words, strconv.FormatInt(n, 10))
	}
	return strings.Join(words, " ")
}
