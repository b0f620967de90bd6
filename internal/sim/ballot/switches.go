package ballot

// Switch is a mistake in what the machines do not decide by themselves: the hooks,
// msdhactl, the database. Those in the machines are planted there (package mutant).
type Switch uint8

// The mistakes, each of which loses an acknowledged entry.
const (
	None            Switch = iota
	Timeline               // position begins with PostgreSQL's timeline instead of the epoch
	AnyStar                // ANY k (*): whoever streams is counted
	GivenFirst             // a new member is given to the database before _config has it
	PlainReverse           // _config loses a member before the database does
	EarlyClients           // clients are admitted before the epoch is written
	OldPosition            // a position of an older vacancy is published over the final
	OwnName                // k counts the master itself
	DetachForgotten        // a node that starts again streams from whom it streamed before it detached
	HalfClone              // a clone that was broken off leaves a node that becomes ready all the same
	NoFlushWait            // members returns before k of the names have what the master has
	numSwitches
)

var switchNames = [numSwitches]string{
	"none", "timeline", "any-star", "given-first", "plain-reverse", "early-clients", "old-position", "own-name",
	"detach-forgotten", "half-clone", "no-flush-wait",
}

func (w Switch) String() string { return switchNames[w] }
