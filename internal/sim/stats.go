package sim

import (
	"fmt"

	"msdha/internal/fsm"
)

// Stats is what an episode, or many, amounted to.
type Stats struct {
	Episodes  int
	Events    uint64
	Simulated Span
	Claims    uint64
	Written   uint64      // writes applied by a master
	Forwarded uint64      // writes forwarded by a frontend
	Backend   [192]uint64 // transitions taken, by row
	Frontend  [64]uint64
	Faults    [numFaults]uint64
	Sometimes [numSometimes]uint64
	// Shown counts, by property, what broke outside of the assumptions.
	Shown [numProperties]uint64
}

// Span is simulated time in microseconds: a run may amount to more than the 292
// years that a time.Duration has room for.
type Span int64

// Year is as long as astronomers have it.
const Year Span = 365.25 * 24 * 3600 * 1e6

func spanOf(ns int64) Span { return Span(ns / 1000) }

// Seconds is the span in seconds.
func (s Span) Seconds() float64 { return float64(s) / 1e6 }

// Years is the span in years.
func (s Span) Years() float64 { return float64(s) / float64(Year) }

// Enough is how many episodes must show every fault and every situation that is
// counted: the rarest comes about once in some hundred.
const Enough = 5000

// Count is how often something happened that the simulator counts.
type Count struct {
	Name  string
	Times uint64
}

// FaultCounts is how often each fault struck.
func (s *Stats) FaultCounts() []Count { return counts(faultNames[NoFault+1:], s.Faults[NoFault+1:]) }

// SometimesCounts is how often each situation came about.
func (s *Stats) SometimesCounts() []Count { return counts(sometimesNames[:], s.Sometimes[:]) }

// ShownCounts is how often each property broke where it was not promised:
// outside of its assumptions.
func (s *Stats) ShownCounts() []Count {
	all := make([]Count, numProperties)
	for i := range all {
		all[i] = Count{properties[i].name, s.Shown[i]}
	}
	return all
}

func counts(names []string, times []uint64) []Count {
	all := make([]Count, len(names))
	for i := range all {
		all[i] = Count{names[i], times[i]}
	}
	return all
}

// Never names the faults that never struck and the situations that never came
// about: a run of Enough episodes in which there is one has tested less than it
// says.
func (s *Stats) Never() []string {
	var never []string
	for _, c := range s.FaultCounts() {
		if c.Times == 0 {
			never = append(never, "fault "+c.Name)
		}
	}
	for _, c := range s.SometimesCounts() {
		if c.Times == 0 {
			never = append(never, "situation "+c.Name)
		}
	}
	return never
}

// Transitions is how many rows the tables of both machines have, and which of
// them were not taken, in words. Some take a coincidence that is left to
// stories.
func (s *Stats) Transitions() (all int, untaken []string) {
	all = fsm.BackendRows() + fsm.FrontendRows()
	untaken = append(rowsLeft("backend", fsm.BackendRow, s.Backend[:fsm.BackendRows()]),
		rowsLeft("frontend", fsm.FrontendRow, s.Frontend[:fsm.FrontendRows()])...)
	return all, untaken
}

func rowsLeft(machine string, row func(int) fsm.RowInfo, taken []uint64) (left []string) {
	for i, n := range taken {
		if r := row(i); n == 0 {
			left = append(left, fmt.Sprintf("%s row %d, %s: %s", machine, i, r.On, r.Why))
		}
	}
	return left
}

// Sometimes is what has to happen now and then: a run in which it never does
// has tested less than it says.
type Sometimes uint8

// Situations that the properties are about.
const (
	FailedOver     Sometimes = iota // a reign begins after one that was not released
	HandedOver                      // … after one that was, without a wait
	Relisted                        // a view compares two listings
	LeaderInWait                    // etcd's leader changes while a node waits
	LateReply                       // a reply comes after its time was over
	LateRequest                     // a request is executed after its time was over
	LateRevoke                      // a lease is revoked although a new leader had extended it
	GhostLease                      // a keepalive is granted although the keys are gone
	Killed                          // a main process had to be killed
	LeftOvers                       // processes that outlive the main process had to be killed
	AgentKilled                     // a guard killed a live agent
	KeptBytes                       // a kernel sends on after a cut
	ParkedBytes                     // a child finds bytes in its sockets when it goes on
	Settled                         // a group was looked at long after its last trouble
	Prompt                          // a failover without a fault had to be prompt
	ReignEnded                      // a reign ended because its time was over
	UserBytes                       // a frontend writes what it had checked before it was stopped
	EdgeWrites                      // clients write a nanosecond before, at and after the end of a right
	StaleWatch                      // a watch stands still on a member that is cut off
	StaleAck                        // a leader that was replaced acknowledges a keepalive
	FalseDenial                     // … and denies one of a lease that it does not know
	DoneUnknown                     // a request is executed, and etcd says that it does not know
	Refused                         // etcd refuses a request
	Immortal                        // SIGKILL had to wait
	SavedEtcd                       // etcd is saved
	Restored                        // etcd goes back to what was saved
	CoreHealed                      // the second phase begins
	FaultStays                      // a fault stays for good
	Displaced                       // a node claims that remembers another etcd
	Diverged                        // a follow finds that its data has diverged
	Rejoined                        // data that has diverged is replaced
	ClonedAnew                      // data is cloned because an operator asked for it
	FencedOff                       // a fence hook ends processes that live
	Acknowledged                    // a write is acknowledged that others have flushed
	FormerWrites                    // a master that is none any more takes writes
	OtherMembers                    // the member list changes
	Unelectable                     // nobody may claim, because too few have voted
	Sickened                        // a monitor hook ends its node
	Succeeded                       // a named successor takes over
	LossAccepted                    // an operator accepts whatever is lost
	DiskLost                        // a member of a list that is armed loses its disk
	LostTooMany                     // … and more than k of them have no data
	Abstained                       // an observer is ready in a vacancy, and another node claims
	ByGuard                         // a guard's helper attests its agent's death
	ByRestart                       // a container attests the death of an earlier life of its own
	ByFence                         // a node attests what its fence hook has ended
	HelperFailed                    // a helper ends before all is given back
	LateAttest                      // an attestation is executed after its sender has given it up
	AttestRefused                   // _epoch has changed since it was read, or the keys have
	UnknownReign                    // a reign is released of which its agent did not know that it had begun
	WitnessAttests                  // a witness attests a death
	PausedSeen                      // an engine says that a container is paused
	EngineMute                      // an engine says nothing
	EventsLost                      // an engine's events are lost
	OtherEnded                      // an engine says that a container has ended, and a node's place names it
	numSometimes
)

var sometimesNames = [numSometimes]string{
	"failed over", "handed over", "relisted", "leader changed in a wait", "late reply",
	"late request", "late revocation", "ghost lease", "killed", "left-overs killed",
	"agent killed by its guard", "kept bytes", "parked bytes", "settled", "prompt failover",
	"reign ended by its TTL", "bytes of a stopped frontend", "writes at the edge", "stale watch",
	"stale acknowledgement", "false denial", "executed, answer unknown", "refused by etcd", "unkillable",
	"etcd saved", "etcd restored", "core healed", "fault for good",
	"claimed in another etcd", "diverged", "rejoined", "cloned anew", "fenced off", "acknowledged",
	"writes to a former master", "other members", "unelectable", "ended by its monitor",
	"named successor", "loss accepted", "disk of a member lost", "too many disks lost", "observer abstains",
	"attested by a guard", "attested by a restart", "attested by a fence",
	"helper failed", "late attestation", "attestation refused", "unknown reign released",
	"witness attests", "seen paused", "engine mute", "events lost", "another container ended",
}

func (s Sometimes) String() string { return sometimesNames[s] }

func (w *World) sometimes(s Sometimes) { w.stats.Sometimes[s]++ }
