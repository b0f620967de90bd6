package sim

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// The properties of research/simulation.md §2.4, one test each. Schedules are
// drawn as data, so that a failure shrinks to the few faults that matter, and
// is printed as a file that `bin/msdhactl sim --schedule FILE` replays.
// -rapid.checks=N runs N episodes for each property.

func TestS01AtMostOneMasterOnTheLeaseOfItsNode(t *testing.T) { holds(t, "S1") }

func TestS02EpochsRiseWithEveryClaim(t *testing.T) { holds(t, "S2") }

func TestS03WhoBelievesHasALeaseThatLives(t *testing.T) { holds(t, "S3") }

func TestS04AuthorityEndsWithinATTLOfTheDeletion(t *testing.T) { holds(t, "S4") }

func TestS05TheNextHookStartsTwoTTLsAfterTheDeletion(t *testing.T) { holds(t, "S5") }

func TestS06NoProcessOfAnEarlierReignLivesWhenTheHookStarts(t *testing.T) { holds(t, "S6") }

func TestS07NoFrontendForwardsToAnEarlierReign(t *testing.T) { holds(t, "S7") }

func TestS08NoChildOfAnEarlierReignAppliesAWrite(t *testing.T) { holds(t, "S8") }

func TestS09RoutesNeverGoBack(t *testing.T) { holds(t, "S9") }

func TestS10NoByteMovesAfterItsRouteEnded(t *testing.T) { holds(t, "S10") }

func TestS11HooksRunInOrderOneAtATimeOnce(t *testing.T) { holds(t, "S11") }

func TestS12AMasterNeverBecomesASlaveAgain(t *testing.T) { holds(t, "S12") }

func TestS13OnlyAReadyUpToDateNodeWithAuthorityClaims(t *testing.T) { holds(t, "S13") }

func TestS14WhoIsLeavingClaimsAndReleasesNothingTooEarly(t *testing.T) { holds(t, "S14") }

func TestS15NoticesTellWhatHappenedInOrder(t *testing.T) { holds(t, "S15") }

func TestS16TheViewIsWhatEtcdHeld(t *testing.T) { holds(t, "S16") }

func TestS17LateRepliesAndExitedMachinesChangeNothing(t *testing.T) { holds(t, "S17") }

func TestS18NoHookBeforeAReadConfirmsTheClaim(t *testing.T) { holds(t, "S18") }

func TestS19AnAgentsDeathIsItsTrees(t *testing.T) { holds(t, "S19") }

func TestS20WhoHasToBeFencedIsBeforeTheHook(t *testing.T) { holds(t, "S20") }

func TestS21MachinesNeverSpin(t *testing.T) { holds(t, "S21") }

func TestS22AReignEndsWhenItsTimeIsOver(t *testing.T) { holds(t, "S22") }

func TestS23NoAcknowledgedEntryIsMissing(t *testing.T) { holds(t, "S23") }

func TestE11OnlyTheDeadAreAttested(t *testing.T) { holds(t, "E11") }

func TestE6TheNamedSuccessorGoesFirst(t *testing.T) { holds(t, "E6") }

func TestE7QFinalsAreNotHigher(t *testing.T) { holds(t, "E7") }

func TestE8NobodyIsPromotedUnderAPause(t *testing.T) { holds(t, "E8") }

func TestN8AProgramThatDoesNotWorkIsEnded(t *testing.T) { holds(t, "N8") }

func TestK3WhoReignedByOtherRulesIsWaitedFor(t *testing.T) { holds(t, "K3") }

func TestK4AReplacedEtcdIsNotBelieved(t *testing.T) { holds(t, "K4") }

func TestL1SomebodyReignsAgain(t *testing.T) { holds(t, "L1") }

func TestL2NobodyStepsDownWithoutAReason(t *testing.T) { holds(t, "L2") }

func TestL5TheDeadBlockNobodyForLong(t *testing.T) { holds(t, "L5") }

func TestL6WhoLeavesIsGoneInTime(t *testing.T) { holds(t, "L6") }

func TestL7WhatIsKnownIsNotWaitedFor(t *testing.T) { holds(t, "L7") }

func TestL3EveryFrontendRoutesToTheMaster(t *testing.T) { holds(t, "L3") }

func TestL4EverybodyElseIsReadyAgain(t *testing.T) { holds(t, "L4") }

// holds looks for an episode in which the property fails. rapid stops early,
// and passes, when the test's deadline is near: so it counts itself.
func holds(t *testing.T, property string) {
	t.Helper()
	w := NewWorld()
	w.check.only = property
	episodes := 0
	var failed *Report
	t.Cleanup(func() { keepFailure(t, failed) })
	rapid.Check(t, func(t *rapid.T) {
		s := drawSchedule(rapidDrawer{t})
		r := w.Run(&s)
		episodes++
		if len(r.Violations) > 0 {
			failed = r
			t.Fatalf("%v\n--- schedule\n%s---", r.Violations[0], s.String())
		}
	})
	if want := wantedChecks(t); episodes < want {
		t.Errorf("%d episodes were run, want %d: raise -timeout", episodes, want)
	}
}

// keepFailure writes the schedule that rapid has shrunk a failure to.
func keepFailure(t *testing.T, r *Report) {
	t.Helper()
	if !t.Failed() || r == nil {
		return
	}
	f, err := os.CreateTemp("", "msdha-"+r.Violations[0].Property+"-*.txt")
	if err != nil {
		t.Logf("cannot keep the schedule: %v", err)
		return
	}
	fmt.Fprintf(f, "# %v\n%s", r.Violations[0], r.Schedule)
	if err := f.Close(); err != nil {
		t.Logf("cannot keep the schedule: %v", err)
		return
	}
	t.Logf("replay it with: bin/msdhactl sim --schedule %s", f.Name())
}

func wantedChecks(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(flag.Lookup("rapid.checks").Value.String())
	if err != nil {
		t.Fatal(err)
	}
	if testing.Short() {
		n /= 5
	}
	return n
}

// rapidDrawer draws from rapid, whose shrinking makes numbers smaller.
type rapidDrawer struct{ t *rapid.T }

func (d rapidDrawer) below(n int64) int64 {
	if n <= 1 {
		return 0
	}
	return rapid.Int64Range(0, n-1).Draw(d.t, "n")
}
