package sim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"msdha/internal/fsm"
)

// StoryMark is the line that ends the schedule of a story; its trace follows.
const StoryMark = "----"

// ParseSchedule reads what Schedule.String printed. Empty lines and lines that
// begin with '#' are skipped, and so is everything from StoryMark on. An error
// names the line.
func ParseSchedule(text string) (Schedule, error) {
	var s Schedule
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == StoryMark {
			break
		}
		if line == "" || line[0] == '#' {
			continue
		}
		if err := s.parseLine(strings.Fields(line)); err != nil {
			return s, fmt.Errorf("line %d %q: %w", i+1, line, err)
		}
	}
	switch {
	case s.Nodes == 0:
		return s, fmt.Errorf("there is no line that begins with \"group\"")
	case s.Until <= 0:
		return s, fmt.Errorf("there is no line \"run DURATION\"")
	}
	return s, nil
}

func (s *Schedule) parseLine(w []string) error {
	switch w[0] {
	case "group":
		return s.parseGroup(w[1:])
	case "run":
		if len(w) != 2 {
			return fmt.Errorf("want \"run DURATION\"")
		}
		return parseTime(w[1], &s.Until)
	case "show":
		return s.parseShow(w[1:])
	case "at", "on":
		return s.parseFault(w)
	}
	return fmt.Errorf("want a line that begins with group, at, on, run or show")
}

func (s *Schedule) parseShow(w []string) error {
	if len(w) == 0 {
		return fmt.Errorf("want \"show TIME\", and any of %v", moreNames)
	}
	for _, word := range w[1:] {
		switch slices.Index(moreNames, word) {
		case 0:
			s.Notices = true
		case 1:
			s.Files = true
		case 2:
			s.Traffic = true
		default:
			return fmt.Errorf("cannot show %q: want \"show TIME\", and any of %v", word, moreNames)
		}
	}
	return parseTime(w[0], &s.Show)
}

// maxTime bounds every time of a schedule, so that none overflows.
const maxTime = 1000 * time.Hour

func parseTime(word string, into *time.Duration) error {
	d, err := time.ParseDuration(word)
	if err != nil || d < 0 || d > maxTime {
		return fmt.Errorf("cannot read the time %q: want 0 to %v, such as 1m20s or 350ms", word, maxTime)
	}
	*into = d
	return nil
}

// maxActors bounds nodes, frontends and clients: their names are made once.
const maxActors = 50

func (s *Schedule) parseGroup(words []string) error {
	if s.Nodes > 0 {
		return fmt.Errorf("there was such a line already")
	}
	s.TTL = 10 * time.Second
	for _, w := range words {
		key, val, _ := strings.Cut(w, "=")
		if err := s.parseOption(key, val); err != nil {
			return fmt.Errorf("%s: %w", w, err)
		}
	}
	if s.FrontTTL == 0 {
		s.FrontTTL = s.TTL
	}
	switch {
	case s.Nodes < 1 || s.Fronts < 0 || s.Clients < 0 || s.Nodes > maxActors || s.Fronts > maxActors ||
		s.Clients > maxActors:
		return fmt.Errorf("want 1 to %d nodes, and up to %[1]d frontends and clients", maxActors)
	case s.TTL < time.Second || s.FrontTTL < time.Second:
		return fmt.Errorf("want TTLs of at least 1s")
	case s.Mixed != 0 && s.Mixed < time.Second:
		return fmt.Errorf("want TTLs of at least 1s")
	case s.Drift < 0 || s.Drift > maxSkew:
		return fmt.Errorf("drift=%d: want 0 to %d ppm; above %d A1 does not hold", s.Drift, maxSkew, fsm.DriftPPM)
	case s.Members < 0 || s.Members > s.Nodes || s.K < 0 || s.K > 0 && s.K >= s.Members:
		return fmt.Errorf("want members=0 to %d, and k below that", s.Nodes)
	case s.Quorum < 0 || s.Quorum > s.Nodes || s.Fence < 0 || s.Fence > s.Nodes:
		return fmt.Errorf("want quorum and fence to be 0 to %d", s.Nodes)
	case s.Observers < 0 || s.Observers > 0 && (s.Observers >= s.Nodes || s.Members > s.Nodes-s.Observers || s.Twin):
		return fmt.Errorf("want observers=0 to %d, none of them a member, and no twin", s.Nodes-1)
	case s.Witness < 0 || s.Witness > s.Nodes:
		return fmt.Errorf("want witness=0 to %d", s.Nodes)
	case s.Log && (!s.Data || s.Twin):
		return fmt.Errorf("log: want data, too, and no twin")
	case s.Twin && s.Nodes < 2:
		return fmt.Errorf("twin: want at least 2 nodes")
	}
	return nil
}

func (s *Schedule) parseOption(key, val string) (err error) {
	switch key {
	case "nodes":
		s.Nodes, err = strconv.Atoi(val)
	case "fronts":
		s.Fronts, err = strconv.Atoi(val)
	case "clients":
		s.Clients, err = strconv.Atoi(val)
	case "ttl":
		err = parseTime(val, &s.TTL)
	case "front-ttl":
		err = parseTime(val, &s.FrontTTL)
	case "mixed":
		err = parseTime(val, &s.Mixed)
	case "master-ttl":
		err = parseTime(val, &s.MasterTTL)
	case "apart":
		err = parseTime(val, &s.Apart)
	case "core":
		err = parseTime(val, &s.Core)
	case "twin":
		s.Twin = true
	case "drift":
		s.Drift, err = strconv.ParseInt(val, 10, 64)
	case "seed":
		s.Seed, err = strconv.ParseUint(val, 10, 64)
	case "publish-after":
		s.After = true
	case "data":
		s.Data = true
	case "log":
		s.Log = true
	case "ranks":
		s.Ranks = true
	case "members":
		s.Members, err = strconv.Atoi(val)
	case "k":
		s.K, err = strconv.Atoi(val)
	case "quorum":
		s.Quorum, err = strconv.Atoi(val)
	case "fence":
		s.Fence, err = strconv.Atoi(val)
	case "observers":
		s.Observers, err = strconv.Atoi(val)
	case "proves":
		s.Proves = true
	case "clones":
		s.Clones = true
	case "shared":
		s.Shared = true
	case "joined":
		s.Joined = true
	case "witness":
		s.Witness, err = strconv.Atoi(val)
	case "monitor":
		err = parseTime(val, &s.Monitor)
	case "calm":
		s.Calm = true
	default:
		err = fmt.Errorf("unknown option")
	}
	return err
}

// parseFault reads "at T KIND WHO [for D] [ARGUMENT]" and
// "on MILESTONE COUNT after T KIND WHO …".
func (s *Schedule) parseFault(w []string) error {
	var f Fault
	if s.Nodes == 0 {
		return fmt.Errorf("the line that begins with \"group\" comes first")
	}
	if w[0] == "at" {
		w = append([]string{"on", "time", "0", "after"}, w[1:]...)
	}
	if len(w) < 7 || w[3] != "after" || len(w)%2 == 0 {
		return fmt.Errorf("want \"at T FAULT WHO [for D] …\" or \"on MILESTONE N after T FAULT WHO …\"")
	}
	on := slices.Index(milestoneNames[:], w[1])
	kind := slices.Index(faultNames[:], w[5])
	count, errCount := strconv.Atoi(w[2])
	switch {
	case on < 0:
		return fmt.Errorf("unknown milestone %q, want one of %v", w[1], milestoneNames[1:])
	case kind <= 0:
		return fmt.Errorf("unknown fault %q, want one of %v", w[5], faultNames[1:])
	case errCount != nil || count < 0 || (on == 0) != (count == 0):
		return fmt.Errorf("cannot read the number %q of the milestone: want 1 or more", w[2])
	}
	f.Kind, f.On, f.Count = FaultKind(kind), Milestone(on), count
	err := parseTime(w[4], &f.After)
	if err == nil {
		f.Who, err = s.parseWho(w[6])
	}
	arg := argumentOf(f.Kind)
	for i := 7; i < len(w) && err == nil; i += 2 {
		switch {
		case w[i] == "for":
			err = parseTime(w[i+1], &f.Dur)
		case arg != nil && w[i] == arg.word:
			f.Arg, err = arg.parse(w[i+1])
		case arg != nil:
			err = fmt.Errorf("unknown word %q, want for or %s", w[i], arg.word)
		default:
			err = fmt.Errorf("unknown word %q, want for", w[i])
		}
	}
	if err == nil && arg != nil && arg.needed && f.Arg == 0 {
		err = fmt.Errorf("%s: want \"%s\" and what it is", w[5], arg.word)
	}
	if err == nil {
		s.Faults = append(s.Faults, f)
	}
	return err
}

func (s *Schedule) parseWho(w string) (Who, error) {
	if w == "master" {
		return Master, nil
	}
	n, err := strconv.Atoi(w[1:])
	switch {
	case err != nil || n < 1 || w[1] == '+':
	case w[0] == 'n' && n <= s.Nodes:
		return Who(n - 1), nil
	case w[0] == 'f' && n <= s.Fronts:
		return Who(s.Nodes + n - 1), nil
	case w[0] == 'w' && n <= s.Witness:
		return Who(s.Nodes + s.Fronts + n - 1), nil
	}
	return 0, fmt.Errorf("unknown target %q: want master, n1 to n%d, f1 to f%d or w1 to w%d",
		w, s.Nodes, s.Fronts, s.Witness)
}
