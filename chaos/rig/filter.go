package rig

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// Rule is what a packet filter in a member's network namespace does: it drops
// packets, without a word to anybody.
type Rule struct {
	in, out bool
	percent int // of the packets; 100 is all
	refuse  bool
	peers   []*Member
}

// DropTo drops what the member sends to those, or to everybody.
func DropTo(peers ...*Member) Rule { return Rule{out: true, percent: 100, peers: peers} }

// DropFrom drops what those, or all, send to the member.
func DropFrom(peers ...*Member) Rule { return Rule{in: true, percent: 100, peers: peers} }

// Drop drops both ways.
func Drop(peers ...*Member) Rule { return Rule{in: true, out: true, percent: 100, peers: peers} }

// Lose drops that share of all packets, each way, by chance.
func Lose(percent int) Rule { return Rule{in: true, out: true, percent: percent} }

// Refuse resets the connections that those have or open to the member, as soon as
// they send something.
func Refuse(peers ...*Member) Rule { return Rule{in: true, refuse: true, percent: 100, peers: peers} }

// ErrNotRunning means that a container has no processes now, and no network.
var ErrNotRunning = errors.New("it is not running")

// Filter puts the rules in place, instead of those that are. They vanish when
// the container ends, with its network namespace.
func (m *Member) Filter(ctx context.Context, rules ...Rule) error {
	var in, out strings.Builder
	for i := range rules {
		r := &rules[i]
		if r.in {
			r.write(&in, "saddr")
		}
		if r.out {
			r.write(&out, "daddr")
		}
	}
	table := fmt.Sprintf(`add table inet chaos
delete table inet chaos
table inet chaos {
	chain input { type filter hook input priority -10; iif lo accept
%s	}
	chain output { type filter hook output priority -10; oif lo accept
%s	}
}
`, in.String(), out.String())
	_, err := m.nft(ctx, table, "--file", "-")
	return err
}

// nft runs that command in the member's network namespace.
func (m *Member) nft(ctx context.Context, input string, args ...string) ([]byte, error) {
	state, err := m.State(ctx)
	if err != nil {
		return nil, err
	}
	if state.Pid == 0 {
		return nil, m.did("filter packets of", ErrNotRunning)
	}
	args = append([]string{"--net", "--target", strconv.Itoa(state.Pid), "nft"}, args...)
	cmd := exec.CommandContext(ctx, "nsenter", args...)
	cmd.Stdin = strings.NewReader(input)
	text, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("cannot filter packets of %s (that needs nftables, and root on the engine's machine): %w: %s",
			m.Name, err, quiet(text))
	}
	return text, err
}

var counted = regexp.MustCompile(`counter packets (\d+)`)

// Dropped is how many packets the present filter has dropped.
func (m *Member) Dropped(ctx context.Context) (packets int, err error) {
	text, err := m.nft(ctx, "", "list", "table", "inet", "chaos")
	if err != nil {
		return 0, err
	}
	for _, found := range counted.FindAllSubmatch(text, -1) {
		n, err := strconv.Atoi(string(found[1]))
		if err != nil {
			return 0, err
		}
		packets += n
	}
	return packets, nil
}

// Unfilter lets everything pass again.
func (m *Member) Unfilter(ctx context.Context) error { return m.Filter(ctx) }

func (r *Rule) write(w *strings.Builder, side string) {
	chance := ""
	if r.percent < 100 {
		chance = fmt.Sprintf("numgen random mod 100 < %d ", r.percent)
	}
	verdict := "counter drop"
	if r.refuse {
		verdict = "meta l4proto tcp reject with tcp reset"
	}
	if len(r.peers) == 0 {
		fmt.Fprintf(w, "\t\t%s%s\n", chance, verdict)
		return
	}
	var ips []string
	for _, p := range r.peers {
		if ip := p.IP(); ip != "" {
			ips = append(ips, ip)
		}
	}
	fmt.Fprintf(w, "\t\tip %s { %s } %s%s\n", side, strings.Join(ips, ", "), chance, verdict)
}
