//go:build mutants

package sim

import "msdha/internal/fsm/mutant"

// plant is what is known of a planted bug.
type plant struct {
	by     string // the property that must notice it
	source string // #n: the table of research/simulation.md §5; else a clause, or whose idea
	slow   bool   // it takes more than quickEpisodes
	// shape narrows the episodes down to where the bug exists at all; why says to what.
	shape func(*Schedule)
	why   string
	// drawn says that schedules as they are drawn show it, too, only later: the
	// shape is for make test alone.
	drawn bool
}

func (p plant) note() string {
	if p.why == "" {
		return ""
	}
	return "  (" + p.why + ")"
}

// planted is every bug with its killer.
var planted = map[mutant.Bug]plant{
	mutant.HalfWait:          {by: "S5", source: "#1"},
	mutant.WaitFromContact:   {by: "S5", source: "#2"},
	mutant.WaitNoDrift:       {by: "S5", source: "#3"},
	mutant.WaitNotRestarted:  {by: "S5", source: "#4"},
	mutant.WaitOwnTTL:        {by: "S5", source: "#8"},
	mutant.NoWaitAbsentEpoch: {by: "S5", source: "SPEC E2"},
	mutant.ReignUnnoticed: {
		by: "S5", source: "own", drawn: true,
		shape: nearStory("short-reign-that-nobody-saw"), why: "near that story",
	},
	mutant.GapTrusted: {
		by: "S5", source: "own", drawn: true,
		shape: nearStory("reign-hidden-by-a-compaction"), why: "near that story",
	},
	mutant.ForgottenTTL: {
		by: "S5", source: "own", drawn: true,
		shape: nearStory("ttl-forgotten-with-the-keys"), why: "near that story",
	},
	mutant.RivalForgotten: {by: "K3", source: "docs/MIGRATING.md, tried with the shell original"},
	mutant.OldReleaseTrusted: {
		by: "K4", source: "SPEC K4", drawn: true,
		shape: nearStory("release-in-a-backup"), why: "near that story",
	},

	mutant.ReceiveDeadline: {by: "S3", source: "#6"},
	mutant.DeadlineNoDrift: {by: "S3", source: "#7"},
	mutant.HalfRound:       {by: "S3", source: "own"},
	mutant.InputFirst: {
		by: "S3", source: "#10", drawn: true,
		shape: asleepInHooks, why: "agents are stopped while their first hooks run",
	},
	mutant.RequestedTTL: {
		by: "S5", source: "#8",
		shape: smallTTL, why: "TTL 1s, etcd grants 2s",
	},
	mutant.NoCheck: {
		by: "S4", source: "#9", drawn: true,
		shape: unseenDeletion, why: "_master deleted while the watch lags",
	},
	mutant.CheckNoMaster: {
		by: "S4", source: "own", drawn: true,
		shape: unseenDeletion, why: "_master deleted while the watch lags",
	},
	mutant.NoRebase: {
		by: "S4", source: "own", drawn: true,
		shape: nearStory("master-deleted-during-its-claim"), why: "near that story",
	},
	mutant.NoRepeat: {
		by: "L2", source: "SPEC R1",
		shape: shortCuts, why: "short cuts, nothing else",
	},

	mutant.LockOffLease:  {by: "S1", source: "#12"},
	mutant.ClaimOverLock: {by: "S1", source: "#13"},
	mutant.ClaimNoNode: {
		by: "S1", source: "#14", drawn: true,
		shape: deletedAtTry, why: "node keys deleted while a claim is under way",
	},
	mutant.ClaimNoText:     {by: "S1", source: "SPEC K3"},
	mutant.ClaimNoEpoch:    {by: "S5", source: "SPEC E3", slow: true},
	mutant.ClaimFreshEpoch: {by: "S5", source: "#5"},
	mutant.EpochFromKey:    {by: "S2", source: "own"},
	mutant.NoLeap:          {by: "K4", source: "SPEC K4"},
	mutant.LineageForgets:  {by: "K4", source: "SPEC K4"},
	mutant.LostViewClaims:  {by: "S13", source: "own"},
	mutant.UnknownIsFailed: {
		by: "L1", source: "#15", drawn: true,
		shape: lostReply, why: "the reply to a claim is lost",
	},
	mutant.UnknownIsWon: {by: "S18", source: "#16"},
	mutant.ConfirmAny:   {by: "S18", source: "own"},
	mutant.LoserStuck:   {by: "L4", source: "#31"},
	mutant.OldKeyTrusted: {
		by: "L3", source: "own", drawn: true,
		shape: nearStory("restored-to-before-its-publication"), why: "near that story",
	},
	mutant.PublishNoMod: {
		by: "L3", source: "own", drawn: true,
		shape: nearStory("publication-that-came-too-late"), why: "near that story",
	},
	mutant.ReleaseNoCompare: {by: "S5", source: "own", slow: true},
	mutant.LongLease:        {by: "L5", source: "own"},

	mutant.NoDetach: {
		by: "S23", source: "SPEC E7",
		shape: databases, why: "databases, short reigns",
	},
	mutant.SmallQuorum: {
		by: "S23", source: "SPEC E7",
		shape: databases, why: "databases, short reigns",
	},
	mutant.OldVacancy: {
		by: "S23", source: "SPEC E7",
		shape: databases, why: "databases, short reigns",
	},
	mutant.VoteUnbound: {
		by: "S23", source: "SPEC E7",
		shape: nearStory("final-from-another-vacancy"), why: "near that story",
	},
	mutant.StandBackThenClaim: {
		by: "S23", source: "SPEC E7",
		shape: databases, why: "databases, short reigns",
	},
	mutant.OldFinalsTrusted: {
		by: "K4", source: "SPEC K4",
		shape: nearStory("final-in-a-backup"), why: "near that story",
	},
	mutant.OldListTrusted: {
		by: "K4", source: "SPEC K4",
		shape: nearStory("list-in-a-backup"), why: "near that story",
	},
	mutant.StrangerClaims: {
		by: "S13", source: "SPEC E1",
		shape: strangers, why: "nodes outside of the list",
	},
	mutant.ObserverClaims: {by: "S13", source: "SPEC E1"},
	mutant.AlwaysArmed: {
		by: "E7", source: "SPEC P2",
		shape: unarmed, why: "members hooks that hang",
	},
	mutant.SettleEarly: {
		by: "S23", source: "SPEC P3",
		shape: lastCopyRemoved, why: "the last copy but the master's is removed",
	},
	mutant.StaleAnchor: {
		by: "S23", source: "SPEC P2",
		shape: acceptedLoss, why: "a promotion with accepted loss",
	},
	mutant.MasterLeaves: {
		by: "S23", source: "SPEC P3", drawn: true,
		shape: nearStory("master-that-is-to-be-removed"), why: "near that story",
	},
	mutant.PauseIgnored: {by: "E8", source: "SPEC E8"},
	mutant.OtherReignsRequest: {
		by: "E6", source: "SPEC E6", drawn: true,
		shape: switchovers, why: "switchovers in each reign",
	},
	mutant.UnfitSuccessor: {by: "E6", source: "SPEC E6"},
	mutant.SuccessorUnnamed: {
		by: "E6", source: "SPEC E6", drawn: true,
		shape: switchovers, why: "switchovers in each reign",
	},
	mutant.RequestKept:   {by: "E6", source: "SPEC E6"},
	mutant.DebtForgotten: {by: "S20", source: "SPEC E9"},
	mutant.DebtReleased: {
		by: "S20", source: "SPEC E9",
		shape: debts, why: "fence hooks that hang",
	},

	mutant.TimelineAsEpoch: {
		by: "S23", source: "SPEC E7",
		shape: databases, why: "databases, short reigns",
	},
	mutant.EpochUnrecorded: {
		by: "S23", source: "SPEC P4",
		shape: databases, why: "databases, short reigns",
	},
	mutant.AdmittedEarly: {
		by: "S23", source: "SPEC P4",
		shape: briefReigns, why: "databases, masters killed soon",
	},
	mutant.SessionsKept: {
		by: "S23", source: "SPEC P4",
		shape: briefReigns, why: "databases, masters killed soon",
	},
	mutant.AnyStar: {
		by: "S23", source: "SPEC P3",
		shape: databases, why: "databases, short reigns",
	},
	mutant.CountedTwice: {
		by: "S23", source: "SPEC P3",
		shape: oneKeepsUp, why: "k = 2, and only one member keeps up",
	},
	mutant.DatabaseFirst: {
		by: "S23", source: "SPEC P3",
		shape: newCopyOnly, why: "only the new member keeps up",
	},
	mutant.NoBarrier: {
		by: "S23", source: "SPEC P3",
		shape: lastCopyRemoved, why: "the last copy but the master's is removed",
	},
	mutant.LateAttach: {
		by: "S23", source: "SPEC H3",
		shape: lateFollows, why: "follow hooks that hang",
	},

	mutant.EarlyRevoke:   {by: "S14", source: "#17"},
	mutant.ReleaseAtTerm: {by: "S6", source: "#18"},
	mutant.ChildIsTree:   {by: "S14", source: "SPEC N5"},
	mutant.GroupKill:     {by: "S14", source: "SPEC R5"},
	mutant.LateRevival:   {by: "S14", source: "#11"},
	mutant.DrainRenews: {
		by: "S14", source: "own", drawn: true,
		shape: drainingAtD, why: "a master is cut off and asked to stop, deaf",
	},
	mutant.SecondGrace: {
		by: "L6", source: "own", drawn: true,
		shape: nearStory("no-second-grace"), why: "near that story",
	},
	mutant.NoFence:      {by: "S8", source: "own"},
	mutant.NoKill:       {by: "S6", source: "#19"},
	mutant.GuardOnTTL:   {by: "S3", source: "#20"},
	mutant.GuardUnarmed: {by: "S6", source: "#21"},
	mutant.GuardDeaf:    {by: "S19", source: "#21"},

	mutant.HookFailureIgnored: {by: "S11", source: "#30"},
	mutant.HookNoLimit: {
		by: "S11", source: "#30", drawn: true,
		shape: slowHooks, why: "hooks that take too long",
	},
	mutant.Demote:            {by: "S12", source: "#32"},
	mutant.MasterTTLRestarts: {by: "S22", source: "#33"},
	mutant.PostponedForgotten: {
		by: "S22", source: "own", drawn: true,
		shape: shortReigns, why: "a master TTL of 2T",
	},
	mutant.OldViewShown: {by: "H6", source: "own"},
	mutant.SickClaims: {
		by: "N8", source: "SPEC N8",
		shape: nearStory("f29-sick-when-it-claims"), why: "near that story",
	},

	mutant.ResumeAtRev:       {by: "S16", source: "#26"},
	mutant.ResumeFromNow:     {by: "S16", source: "#26"},
	mutant.CompactionIgnored: {by: "S16", source: "#27"},
	mutant.LatePut:           {by: "S15", source: "#29"},
	mutant.MidRevision:       {by: "S16", source: "#28"},
	mutant.NotifyTwice:       {by: "S15", source: "own"},
	mutant.LateNotice:        {by: "S15", source: "own"},

	mutant.KeepSessions: {by: "S7", source: "#22"},
	mutant.OwnLargerTTL: {
		by: "S7", source: "SPEC X4",
		shape: largerFrontTTL, why: "frontends ask for 4T",
	},
	mutant.NoFrontDeadline: {by: "S7", source: "#24"},
	mutant.FrontReceiveDeadline: {
		by: "S7", source: "own", drawn: true,
		shape: slowReads, why: "_master deleted during slow reads",
	},
	mutant.FrontNoDrift: {
		by: "S7", source: "own", drawn: true,
		shape: nearRead, why: "_master deleted around a read, drift 1000 ppm",
	},
	mutant.WatchRefreshes: {by: "S7", source: "#25"},
	mutant.RouteFromView:  {by: "S9", source: "own"},
	mutant.FrontNoFloor: {
		by: "K4", source: "own", drawn: true,
		shape: nearStory("master-that-a-backup-brought-back"), why: "near that story",
	},
	mutant.NoLinger: {by: "S10", source: "#23"},

	mutant.StaleReply:  {by: "S17", source: "#34"},
	mutant.PastTimer:   {by: "S21", source: "#36"},
	mutant.TimersApart: {by: "S21", source: "own", slow: true},
	mutant.Random:      {by: NotDeterministic, source: "#35"},
}
