package sim

import (
	"strconv"

	"msdha/internal/fsm/kv"
	"msdha/internal/fsm/mutant"
)

// segment is what one promotion wrote to a replicated log: the records up to its
// end. Two logs that both hold records of one promotion agree on all before.
type segment struct {
	id    uint32 // of the promotion: unlike an epoch it never comes twice
	epoch kv.Epoch
	end   int64 // length of the log with it
	mark  int64 // length of the log with the record that says the epoch; 0: there is none
}

// dataLog is a node's log, in the order in which it was written. It is on disk.
type dataLog struct{ segments []segment }

func (l *dataLog) empty() { l.segments = l.segments[:0] }

func (l *dataLog) length() int64 {
	if n := len(l.segments); n > 0 {
		return l.segments[n-1].end
	}
	return 0
}

// last is the promotion that wrote the last record.
func (l *dataLog) last() *segment { return &l.segments[len(l.segments)-1] }

// common is how many records both logs have.
func (l *dataLog) common(o *dataLog) int64 {
	same := int64(0)
	for i := range l.segments {
		if i >= len(o.segments) || l.segments[i].id != o.segments[i].id {
			break
		}
		same = min(l.segments[i].end, o.segments[i].end)
	}
	return same
}

// beginsOf reports whether the log is the beginning of another.
func (l *dataLog) beginsOf(o *dataLog) bool { return l.common(o) == l.length() }

// holds reports whether the log has a promotion's records up to a length.
func (l *dataLog) holds(id uint32, end int64) bool {
	for i := range l.segments {
		if l.segments[i].id == id {
			return l.segments[i].end >= end
		}
	}
	return false
}

// copyUpTo makes the log the beginning of another, up to a length.
func (l *dataLog) copyUpTo(o *dataLog, length int64) {
	l.segments = l.segments[:0]
	from := int64(0)
	for _, s := range o.segments {
		if from >= length {
			break
		}
		from = s.end
		s.end = min(s.end, length)
		if s.mark > s.end {
			s.mark = 0
		}
		l.segments = append(l.segments, s)
	}
}

// position is what the position hook prints: the last epoch that a record says,
// and the length.
func (l *dataLog) position() (epoch kv.Epoch, length int64) {
	for i := range l.segments {
		if s := &l.segments[i]; s.mark > 0 {
			epoch = s.epoch
		}
	}
	if mutant.On(mutant.TimelineAsEpoch) { // every promotion counts on from the timeline that it finds
		epoch = kv.Epoch(len(l.segments))
	}
	return epoch, l.length()
}

func (l *dataLog) printPosition() string {
	e, n := l.position()
	return strconv.FormatInt(int64(e), 10) + " " + strconv.FormatInt(n, 10)
}

// database is the program that a node runs, as far as replication goes.
type database struct {
	log dataLog // on disk

	upstream int32 // node that it streams from; −1 none
	// What it has told its upstream: to whom, and how far its log reached. It is
	// still on its way when the next thing happens.
	toldTo int32
	told   int64
	// What it had told over a connection that the network broke, and whom: until the
	// upstream notices, that one is open there. A slot for each member ends it at once:
	// only the planted bug needs these.
	brokenTo   int32
	brokenTold int64

	names kv.Names // that a commit waits for, on disk
	k     int      // … how many of them
	acked int64    // up to here clients have their answers
}

func (d *database) reset() {
	*d = database{log: dataLog{d.log.segments[:0]}, upstream: -1, toldTo: -1, brokenTo: -1}
}

// starts: a program begins without an upstream; only the follow hook attaches.
func (d *database) starts() { d.upstream, d.toldTo, d.acked = -1, -1, 0 }

// cut is the network ending its connection, of which the upstream learns later.
func (d *database) cut() {
	if mutant.On(mutant.CountedTwice) && d.toldTo >= 0 {
		d.brokenTo, d.brokenTold = d.toldTo, d.told
	}
	d.toldTo = -1
}
