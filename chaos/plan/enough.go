package plan

import "fmt"

// leastShare is how many percent of what was drawn must have happened. A model
// of who is hurt and who reigns when puts the share at three in four, and at half
// in the worst of 400 seeds: what stays below a third met a cluster that was
// hardly ever there.
const leastShare = 33

// Enough says whether a soak has shown anything: so many faults happened, and so
// many were impossible when they were due.
func Enough(happened, impossible int) error {
	drawn := happened + impossible
	if happened == 0 || happened*100 < leastShare*drawn {
		return fmt.Errorf("only %d of %d faults happened, want at least %d %%: this soak shows nothing; "+
			"see above why the others were impossible", happened, drawn, leastShare)
	}
	return nil
}
