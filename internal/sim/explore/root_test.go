package explore

import (
	"fmt"
	"testing"
)

func TestRootDump(t *testing.T) {
	b := newBuilder(Floor())
	s, err := b.root()
	if err != nil {
		t.Fatal(err)
	}
	c := canon{scope: &b.scope}
	c.fingerprint(s)
	for i := range 4 {
		fmt.Println(i, c.text[c.ends[i].text:c.ends[i+1].text])
	}
}
