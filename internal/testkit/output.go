package testkit

import (
	"bytes"
	"strings"
	"sync"
)

// Output collects what is written, by several at once, and can be read meanwhile.
type Output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write appends.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// String is all so far.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// Count is how often that has been written so far.
func (o *Output) Count(part string) int { return strings.Count(o.String(), part) }
