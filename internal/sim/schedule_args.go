package sim

import (
	"fmt"
	"slices"
	"strconv"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// argument is what a kind of fault says beyond its target and its duration: a
// word and a value, as in "hook ready". 0 is not printed.
type argument struct {
	word   string
	needed bool // the fault means nothing without it
	names  []string
	first  int // number of names[0]; without names the value is a number in [lo, hi]
	lo, hi int
}

// Skews that can be asked for, in ppm; beyond fsm.DriftPPM A1 does not hold.
const maxSkew = 500_000

// What goes on first when processes that were stopped do: the agent, with what
// it finds in its sockets or with its timers, or the guard.
const (
	inputsFirst = iota
	timersFirst
	guardFirst
)

// spoilt are the keys that Corrupt can write nonsense to; %s is Who's name.
var spoilt = []func(name string) kv.Key{
	func(string) kv.Key { return kv.Master },
	func(string) kv.Key { return kv.EpochKey },
	func(string) kv.Key { return kv.Initialized },
	func(string) kv.Key { return kv.Config },
	func(string) kv.Key { return kv.Control },
	kv.NodeKey,
	kv.NodeInfo,
}

var (
	hookArgument    = &argument{word: "hook", needed: true, names: hookNames(), first: int(fsm.HookData)}
	keyArgument     = &argument{word: "key", needed: true, names: spoiltNames(), first: 1}
	skewArgument    = &argument{word: "ppm", needed: true, lo: -maxSkew, hi: maxSkew}
	minTTLArgument  = &argument{word: "min-ttl", lo: 1, hi: 75} // seconds; see EtcdMinTTL
	clusterArgument = &argument{word: "as", names: []string{"another"}, first: 1}
	reignArgument   = &argument{word: "after", names: []string{"last"}, first: 1}
	firstArgument   = &argument{word: "first", names: []string{"timers", "guard"}, first: timersFirst}
)

func hookNames() (names []string) {
	for h := fsm.HookData; h < fsm.NumHooks; h++ {
		names = append(names, h.String())
	}
	return names
}

func spoiltNames() []string {
	return []string{"_master", "_epoch", "_initialized", "_config", "_control", "node", "info"}
}

// argumentOf is what a kind has to say, or nil.
func argumentOf(k FaultKind) *argument {
	switch k {
	case SlowHook, FailHook:
		return hookArgument
	case Corrupt:
		return keyArgument
	case Skew:
		return skewArgument
	case RestartEtcd:
		return minTTLArgument
	case Restore:
		return clusterArgument
	case Switchover:
		return reignArgument
	case StopAgent, StopAll, Suspend, Freeze:
		return firstArgument
	}
	return nil
}

func (a *argument) print(v int) string {
	if a.names == nil {
		return strconv.Itoa(v)
	}
	return a.names[v-a.first]
}

func (a *argument) parse(word string) (int, error) {
	if a.names != nil {
		i := slices.Index(a.names, word)
		if i < 0 {
			return 0, fmt.Errorf("unknown %s %q, want one of %v", a.word, word, a.names)
		}
		return a.first + i, nil
	}
	v, err := strconv.Atoi(word)
	if err != nil || v < a.lo || v > a.hi || v == 0 {
		return 0, fmt.Errorf("%s %q: want a number from %d to %d, not 0", a.word, word, a.lo, a.hi)
	}
	return v, nil
}
