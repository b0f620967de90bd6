// Package plan draws what a soak does to a cluster: the same for the same seed,
// whatever the cluster makes of it. It knows neither containers nor clocks, so
// that what it draws can be tested without them.
package plan

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Role is whom a fault meets. Who that is, is seen when the fault begins.
type Role string

// The roles. A fault of the last three has no single victim.
const (
	Master   Role = "master"
	Slave    Role = "slave"
	Frontend Role = "frontend"
	Leader   Role = "etcd leader"
	Follower Role = "etcd follower"

	Nodes Role = "all nodes"
	Etcd  Role = "etcd"
	Both  Role = "etcd leader and master"
)

// Kind is a way to hurt.
type Kind struct {
	Name  string
	Roles []Role // each as likely as another
	// Min and Max are how long it lasts, in tenths of T; 0 if it is over at once.
	Min, Max int
	// Percent is how much is lost at most, where it is a share; 0 elsewhere.
	Percent int
}

// The master is met as often as all others together where it has company.
var (
	anybody = []Role{Master, Master, Master, Slave, Frontend, Leader, Follower}
	backend = []Role{Master, Master, Slave}
	member  = []Role{Master, Master, Slave, Frontend} // of the group
)

// Names of the kinds.
const (
	Kill         = "kill"
	Stop         = "stop"
	Restart      = "restart"
	Pause        = "pause"
	KillGuard    = "kill-guard"
	KillAgent    = "kill-agent"
	StopAgent    = "stop-agent"
	KillPostgres = "kill-postgres"
	KillAgain    = "kill-again"
	KillNodes    = "kill-nodes"
	KillBoth     = "kill-leader-and-master"
	CutFromEtcd  = "cut-from-etcd"
	Mute         = "mute"
	Deaf         = "deaf"
	CutFromPeers = "cut-from-peers"
	CutFromAll   = "cut-from-all"
	Lose         = "lose-packets"
	LoseQuorum   = "lose-quorum"
	RestartEtcd  = "restart-etcd"
	Compact      = "compact"
)

// Kinds are all there are.
var Kinds = []Kind{
	{Name: Kill, Roles: anybody, Min: 3, Max: 40},
	{Name: Stop, Roles: anybody, Min: 3, Max: 40},
	{Name: Restart, Roles: anybody},
	{Name: Pause, Roles: anybody, Min: 5, Max: 35},
	{Name: KillGuard, Roles: backend},
	{Name: KillAgent, Roles: backend},
	{Name: StopAgent, Roles: backend, Min: 2, Max: 30},
	{Name: KillPostgres, Roles: backend},
	{Name: KillAgain, Roles: []Role{Master}, Min: 3, Max: 40},
	{Name: KillNodes, Roles: []Role{Nodes}, Min: 1, Max: 20},
	{Name: KillBoth, Roles: []Role{Both}, Min: 3, Max: 40},
	{Name: CutFromEtcd, Roles: member, Min: 3, Max: 40},
	{Name: Mute, Roles: member, Min: 3, Max: 40},
	{Name: Deaf, Roles: member, Min: 3, Max: 40},
	{Name: CutFromPeers, Roles: backend, Min: 3, Max: 40},
	{Name: CutFromAll, Roles: anybody, Min: 3, Max: 40},
	{Name: Lose, Roles: anybody, Min: 10, Max: 50, Percent: 40},
	{Name: LoseQuorum, Roles: []Role{Etcd}, Min: 3, Max: 30},
	{Name: RestartEtcd, Roles: []Role{Etcd}},
	{Name: Compact, Roles: []Role{Etcd}},
}

// Fault is one that was drawn.
type Fault struct {
	At      time.Duration // since the beginning of its round
	Kind    string
	Role    Role
	Pick    int           // which one of several in the role, modulo their number
	Lasts   time.Duration // 0: it is over at once
	Percent int           // of packets lost, where that is the fault
}

// String is the same for the same draw: no victim has a name yet.
func (f *Fault) String() string {
	s := fmt.Sprintf("%5.1f s  %s %s", f.At.Seconds(), f.Kind, f.Role)
	if f.Percent > 0 {
		s += fmt.Sprintf(" %d %%", f.Percent)
	}
	if f.Lasts > 0 {
		s += fmt.Sprintf(" for %.1f s", f.Lasts.Seconds())
	}
	return s
}

// Bounds of a round: how many faults, and how far apart they begin, in tenths of
// T. One in three begins together with the one before.
const (
	MinFaults, MaxFaults = 3, 7
	minApart, maxApart   = 2, 30
	picks                = 6 // divisible by every number of members in a role
	leastLost            = 2 // percent
)

// Draw is the round of that number, in the order of the beginnings; ttl is T. It
// depends on no round before.
func Draw(seed uint64, round int, ttl time.Duration) (faults []Fault) {
	r := rand.New(rand.NewPCG(seed, uint64(round)))
	between := func(lo, hi int) int { return lo + r.IntN(hi-lo+1) }
	tenths := func(n int) time.Duration { return time.Duration(n) * ttl / 10 }
	var at time.Duration
	for i := range between(MinFaults, MaxFaults) {
		if i > 0 && r.IntN(3) > 0 {
			at += tenths(between(minApart, maxApart))
		}
		k := &Kinds[r.IntN(len(Kinds))]
		f := Fault{At: at, Kind: k.Name, Role: k.Roles[r.IntN(len(k.Roles))], Pick: r.IntN(picks)}
		f.Lasts = tenths(between(k.Min, k.Max))
		if k.Percent > 0 {
			f.Percent = between(leastLost, k.Percent)
		}
		faults = append(faults, f)
	}
	return faults
}
