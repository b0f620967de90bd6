//go:build docker

package chaos

import (
	"time"

	"msdha/chaos/rig"
)

// scenarios in the order in which they are played.
var scenarios = []scenario{
	postgresKilled, agentKilled, containerKilled, killedWithWitness, killedWithItsWitness,
	stopped, paused, agentStopped,
	switchedOver, databaseStopped,
	cutFromEtcd, cutFromAll, cutFromStandbys, deaf, mute, standbyCut, frontendCut,
	etcdAwayBriefly, etcdAway, etcdLeaderAndMaster, etcdMemberPaused, etcdMemberLossy,
	compacted, etcdEmptied, etcdRestored, tokensEnd, certificateChanges, etcdRestarted, etcdRolling,
	restarted, crashed, nameTaken, promotionFails, killedAgain,
	lateFinal, lagging, standbyThenMaster, diverged, pausedGroup, mixedVersions, scaled, clientsView,
	diskFull, logFull, volumeHangs, volumeFails, addressesChange, hostLost,
	rollingRestart, allRestarted,
	lossy,
	atTen(postgresKilled), atTen(agentKilled), atTen(containerKilled), atTen(stopped), atTen(paused),
	atTen(cutFromAll), atTen(etcdAway), atTen(restarted), atTen(switchedOver), pausedAgain,
	atTen(agentStopped), atTen(crashed), again(agentKilled), again(agentStopped), again(postgresKilled), again(crashed),
	atTen(killedWithWitness).with(withWitnessT10), again(killedWithWitness).with(withWitnessT10),
	mastersSeen,
	soak,
}

// ownCluster is for who changes what a cluster consists of.
var ownCluster = &rig.Options{}

// tenSeconds is the default TTL.
var tenSeconds = &rig.Options{TTL: 10 * time.Second}

// atTen is the same with the default TTL.
func atTen(s scenario) scenario {
	s.name, s.tier, s.options = s.name+"-t10", long, tenSeconds
	return s
}
