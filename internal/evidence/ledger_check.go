package evidence

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"
)

// named is how many of the findings a verdict names.
const named = 10

// Verdict is what a ledger shows.
type Verdict struct {
	Acked      int
	Lost       int // acknowledged, and not there
	TwoMasters int // acknowledged although another reign had begun; see Overlap
	LostAcks   []Ack
	Overlaps   []Overlap
}

// Overlap is a proof of two masters. Either Later was sent when Earlier had
// arrived, and was acknowledged by a server of a lower epoch; or another server
// acknowledged it under the same epoch, at whatever time. An acknowledgement that
// merely arrived late is no proof: its server may have accepted the row long
// before, and the network or we were slow.
type Overlap struct{ Earlier, Later Ack }

func (v Verdict) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d rows acknowledged, %d lost, %d by a second master", v.Acked, v.Lost, v.TwoMasters)
	for _, a := range v.LostAcks {
		fmt.Fprintf(&b, "\nlost: %v", a)
	}
	for _, o := range v.Overlaps {
		fmt.Fprintf(&b, "\ntwo masters: %v\n       after: %v", o.Later, o.Earlier)
	}
	return b.String()
}

// Check looks every acknowledged row up. The server must be the master, or have
// all of the master's data. Writers may go on: what is acknowledged after the
// call is not judged.
func (l *Ledger) Check(ctx context.Context, dsn string) (Verdict, error) {
	l.mu.Lock()
	entries := slices.Clip(l.entries) // entries are only ever appended
	l.mu.Unlock()
	present, err := l.lookUp(ctx, dsn)
	if err != nil {
		return Verdict{}, fmt.Errorf("cannot look acknowledged rows up: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	v := l.overlaps(entries)
	for i := range entries {
		e := &entries[i]
		if set := present[l.streams[e.stream].writer]; set[e.row/64]&(1<<(e.row%64)) == 0 {
			v.Lost++
			if len(v.LostAcks) < named {
				v.LostAcks = append(v.LostAcks, l.ack(e))
			}
		}
	}
	return v, nil
}

// emptySets has room for a writer's present rows, and for those that writers may
// add while they are looked up.
func (l *Ledger) emptySets() map[string][]uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	sets := map[string][]uint64{}
	for writer, last := range l.rows {
		sets[writer] = make([]uint64, last/64+1)
	}
	return sets
}

// overlaps finds two masters. The caller holds the lock.
func (l *Ledger) overlaps(entries []entry) Verdict {
	v := Verdict{Acked: len(entries)}
	var rises []*entry          // the first acknowledgement of each higher epoch
	first := map[int64]*entry{} // the first one of each epoch
	for i := range entries {
		e := &entries[i]
		if len(rises) == 0 || e.epoch > rises[len(rises)-1].epoch {
			rises = append(rises, e)
		}
		if first[e.epoch] == nil {
			first[e.epoch] = e
		}
		// The newest epoch that was acknowledged when this one was sent.
		n := sort.Search(len(rises), func(i int) bool { return rises[i].at >= e.sent })
		earlier := first[e.epoch]
		switch {
		case n > 0 && rises[n-1].epoch > e.epoch:
			earlier = rises[n-1]
		case earlier.server == e.server:
			continue
		}
		v.TwoMasters++
		if len(v.Overlaps) < named {
			v.Overlaps = append(v.Overlaps, Overlap{Earlier: l.ack(earlier), Later: l.ack(e)})
		}
	}
	return v
}

// chosen says for each stream whether it goes by one of the ways; no way at all
// means every way. The caller holds the lock.
func (l *Ledger) chosen(via []string) []bool {
	by := make([]bool, len(l.streams))
	for i, s := range l.streams {
		by[i] = len(via) == 0 || slices.Contains(via, s.via)
	}
	return by
}

// Count is how many rows were acknowledged by way of any of those; all if none
// is named.
func (l *Ledger) Count(via ...string) (count int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, by := range l.chosen(via) {
		if by {
			count += l.streams[i].count
		}
	}
	return count
}

// Last is the time of the last acknowledgement by way of any of those, zero if
// there was none.
func (l *Ledger) Last(via ...string) (last time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, by := range l.chosen(via) {
		if s := l.streams[i]; by && s.count > 0 && l.base.Add(s.last).After(last) {
			last = l.base.Add(s.last)
		}
	}
	return last
}

// Gap is the longest time without an acknowledgement by way of any of those that
// overlaps the span; it may begin before the span, and end after it. Without an
// acknowledgement before the span it begins with it, and ends likewise.
func (l *Ledger) Gap(from, to time.Time, via ...string) time.Duration {
	begin, end := l.LongestGap(from, to, via...)
	return end.Sub(begin)
}

// LongestGap is when that time began and ended.
func (l *Ledger) LongestGap(from, to time.Time, via ...string) (begin, end time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	by := l.chosen(via)
	since, until := from.Sub(l.base), to.Sub(l.base)
	last, longest := since, [2]time.Duration{since, since}
	note := func(to time.Duration) {
		if to-last > longest[1]-longest[0] {
			longest = [2]time.Duration{last, to}
		}
	}
	for i := range l.entries {
		e := &l.entries[i]
		if !by[e.stream] {
			continue
		}
		if e.at > since {
			note(e.at)
		}
		if last = e.at; last >= until {
			return l.base.Add(longest[0]), l.base.Add(longest[1])
		}
	}
	note(until)
	return l.base.Add(longest[0]), l.base.Add(longest[1])
}

// Server is who gave the last acknowledgement by way of any of those, zero if
// there was none: Ack.Server.
func (l *Ledger) Server(via ...string) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	by := l.chosen(via)
	for i := len(l.entries) - 1; i >= 0; i-- {
		if e := &l.entries[i]; by[e.stream] {
			return e.server
		}
	}
	return 0
}

// First is the time of the first acknowledgement after from by a server of an
// epoch above, by way of any of those; zero if there is none.
func (l *Ledger) First(from time.Time, above int64, via ...string) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	by := l.chosen(via)
	for i := range l.entries {
		e := &l.entries[i]
		if by[e.stream] && e.epoch > above && e.at > from.Sub(l.base) {
			return l.base.Add(e.at)
		}
	}
	return time.Time{}
}

// LastOf is the time of the last acknowledgement by a server of that epoch, by way
// of any of those; zero if there is none.
func (l *Ledger) LastOf(epoch int64, via ...string) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	by := l.chosen(via)
	for i := len(l.entries) - 1; i >= 0; i-- {
		if e := &l.entries[i]; by[e.stream] && e.epoch == epoch {
			return l.base.Add(e.at)
		}
	}
	return time.Time{}
}
