package plan

import (
	"strings"
	"testing"
)

func TestEnough(t *testing.T) {
	for _, c := range []struct {
		happened, impossible int
		ok                   bool
	}{
		{0, 0, false}, // no round at all
		{0, 25, false},
		{1, 99, false},
		{32, 68, false},
		{33, 67, true},
		{18, 7, true},
		{1, 0, true},
	} {
		err := Enough(c.happened, c.impossible)
		if (err == nil) != c.ok {
			t.Errorf("%d happened, %d were impossible: %v", c.happened, c.impossible, err)
		}
	}
	if err := Enough(2, 8); err == nil || !strings.Contains(err.Error(), "2 of 10") {
		t.Errorf("the complaint does not say how many: %v", err)
	}
}
