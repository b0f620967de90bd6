package sim

import "time"

// Stats is what an episode, or many, amounted to.
type Stats struct {
	Episodes  int
	Events    uint64
	Simulated time.Duration
	Claims    uint64
	Written   uint64      // writes applied by a master
	Forwarded uint64      // writes forwarded by a frontend
	Backend   [128]uint64 // transitions taken, by row
	Frontend  [64]uint64
	Faults    [numFaults]uint64
	Sometimes [numSometimes]uint64
}

// Sometimes is what has to happen now and then: a run in which it never does
// has tested less than it says.
type Sometimes uint8

// Situations that the properties are about.
const (
	FailedOver   Sometimes = iota // a reign begins after one that was not released
	HandedOver                    // … after one that was, without a wait
	Relisted                      // a view compares two listings
	LeaderInWait                  // etcd's leader changes while a node waits
	LateReply                     // a reply comes after its time was over
	LateRequest                   // a request is executed after its time was over
	LateRevoke                    // a lease is revoked although a new leader had extended it
	GhostLease                    // a keepalive is granted although the keys are gone
	Killed                        // a main process had to be killed
	LeftOvers                     // processes that outlive the main process had to be killed
	AgentKilled                   // a guard killed a live agent
	KeptBytes                     // a kernel sends on after a cut
	ParkedBytes                   // a child finds bytes in its sockets when it goes on
	Settled                       // a group was looked at long after its last trouble
	Prompt                        // a failover without a fault had to be prompt
	ReignEnded                    // a reign ended because its time was over
	numSometimes
)

var sometimesNames = [numSometimes]string{
	"failed over", "handed over", "relisted", "leader changed in a wait", "late reply",
	"late request", "late revocation", "ghost lease", "killed", "left-overs killed",
	"agent killed by its guard", "kept bytes", "parked bytes", "settled", "prompt failover",
	"reign ended by its TTL",
}

func (s Sometimes) String() string { return sometimesNames[s] }

func (w *World) sometimes(s Sometimes) { w.stats.Sometimes[s]++ }
