package main

// figure is one line of what was measured with a peer. The texts are quoted as
// they were written down: median [min-max], or one value for each run.
type figure struct {
	runs   int
	outage string // seconds without a write, or an answer, through the proxy
	lost   string // rows, through the proxy / straight to a server
	two    string // seconds with two masters
	ends   string // whether the group was healthy again, where it was not always
}

// peer is one system with one configuration.
type peer struct {
	name    string
	figures map[string]figure // by fault
}

// When and where the peers were measured (baselines, parts 2 and 3).
const (
	measuredAt = "2026-11-21"
	measuredOn = "2 vCPU (AMD EPYC, VM), 24 GiB, Linux 6.18, Docker 20.10"
)

// peers in the order of their columns.
var peers = []peer{
	{"Patroni, ttl 30", map[string]figure{
		"kill":       {3, "32.6 [28.5-33.6]", "0,0,0 / 0,0,0", "", ""},
		"stop":       {3, "6.9 [6.8-7.5]", "0,0,0 / 0,0,0", "", ""},
		"postmaster": {3, "9.4 [8.2-10.1]", "0,0,0 / 0,0,0", "", ""},
		"partition":  {3, "31.1 [28.9-34.3]", "0,0,0 / 282,289,350", "", ""},
		"pause":      {3, "30.5 [29.0-32.4]", "0,2523,0 / 0,704,0", "", ""},
		"etcd":       {3, "53.8 [52.1-60.4]", "0,0,0 / 0,0,0", "", ""},
		"switchover": {3, "4.6 [4.5-4.7]", "0,0,0 / 0,0,0", "", ""},
	}},
	{"Patroni, ttl 5", map[string]figure{
		"kill":       {5, "7.6 [7.3-8.2]", "0,0,0,0,0 / 0,0,0,0,0", "", ""},
		"stop":       {5, "2.5 [2.3-3.3]", "0,0,0,0,0 / 0,0,0,0,0", "", ""},
		"postmaster": {5, "2.6 [2.3-3.9]", "0,0,0,0,0 / 0,0,0,0,0", "", ""},
		"partition":  {5, "7.1 [6.4-7.6]", "0,0,0,0,0 / 46,65,64,56,59", "", ""},
		"pause":      {5, "7.6 [7.1-8.7]", "3438,3042,0,3994,0 / 916,799,0,1032,0", "", ""},
		"etcd":       {5, "65.8 [63.0-67.1]", "0,0,0,0,0 / 0,0,0,0,0", "", ""},
		"switchover": {5, "2.5 [2.4-2.6]", "0,0,0,0,0 / 0,0,0,0,0", "", ""},
	}},
	{"shell, TTL 10", map[string]figure{
		"kill":       {4, "30.9 [29.5-32.4]", "", "0.0,0.0,0.0,0.0", ""},
		"stop":       {2, "30.0 [29.7-30.3]", "", "0.0,0.0", ""},
		"postmaster": {2, "4.2 [4.2-4.2]", "", "0.0,0.0", "BROKEN,BROKEN"},
		"partition":  {4, "31.3 [30.9-31.7]", "", "0.0,0.0,0.0,0.0", ""},
		"pause":      {2, "30.9 [29.7-32.0]", "", "0.0,0.28", ""},
		"etcd":       {2, "60.6 [57.7-63.6]", "", "0.0,0.0", "ok,BROKEN"},
		"join":       {2, "32.7 [32.6-32.9]", "", "100.09,0.0", "BROKEN,ok"},
	}},
	{"shell, TTL 3", map[string]figure{
		"kill":       {8, "11.4 [10.6-12.3]", "", "0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0", ""},
		"stop":       {7, "11.4 [10.4-12.9]", "", "0.0,0.0,0.0,0.0,0.0,0.0,0.0", ""},
		"postmaster": {4, "7.0 [3.1-11.8]", "", "0.0,0.0,0.0,0.0", "BROKEN,ok,ok,BROKEN"},
		"partition":  {7, "11.7 [11.2-12.8]", "", "0.0,0.0,0.0,0.0,0.0,0.0,0.0", ""},
		"pause":      {6, "11.3 [10.7-11.6]", "", "0.27,0.3,0.28,0.26,0.3,0.26", ""},
		"etcd":       {2, "74.9 [74.0-75.7]", "", "0.0,0.0", ""},
		"join": {
			7, "11.0 [11.0-12.2]", "", "64.9,65.39,65.32,65.77,0.0,64.78,65.58",
			"BROKEN,BROKEN,BROKEN,BROKEN,ok,BROKEN,BROKEN",
		},
	}},
}

// row is a fault with its name in the baselines and the scenario that is like it.
type row struct {
	title, fault string
	scenario     string // its name, which has "-t10" at its end where T is 10 s; empty while there is none
	differs      string // what is not the same in ours
}

var rows = []row{
	{"container killed", "kill", "f03-container-killed", "started again when the successor reigns"},
	{"container stopped", "stop", "f04-stopped", ""},
	{
		"main process killed", "postmaster", "f01-postgres-killed",
		"Patroni restarts it in place; with the shell original (there `crash`) and msdha the container ends " +
			"and starts again",
	},
	{
		"master cut off from all but its own client", "partition", "f08-cut-from-all",
		"healed after the failover, as there; replication is synchronous, as in Patroni's synchronous_mode, which is " +
			"not in this table",
	},
	{"container paused", "pause", "f05-paused", "3 T and 2 s of the successor's reign instead of 60 s"},
	{
		"etcd away for 60 s", "etcd", "f14-etcd-away",
		"two of three members away for longer than T instead of the only one for 60 s, so the outage compares only " +
			"by what it exceeds that time",
	},
	{
		"killed node back at once", "join", "f21-crashed",
		"there 0.3 s after the new master appears, in ours at once by the restart policy",
	},
	{"switchover", "switchover", "switchover", "the successor is named"},
}
