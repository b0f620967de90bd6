//go:build mutants

package mutant

import "time"

// Built says whether bugs can be planted in this build.
const Built = true

var active Bug

// planted is a bug's name, for a program in which one is planted for good:
// -ldflags "-X msdha/internal/fsm/mutant.planted=no-fence".
var planted string

func init() {
	for b, name := range names {
		if name == planted {
			active = Bug(b)
		}
	}
}

// Plant switches one bug on and the others off. Not safe while machines run.
func Plant(b Bug) { active = b }

// On reports whether the bug is planted.
func On(b Bug) bool { return active == b && b != None }

// Noise is not the same from run to run while Random is planted.
func Noise() time.Duration {
	if On(Random) {
		for d := range map[time.Duration]bool{0: true, time.Millisecond: true} {
			return d
		}
	}
	return 0
}
