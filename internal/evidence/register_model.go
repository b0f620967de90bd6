package evidence

import (
	"fmt"
	"time"

	"github.com/anishathalye/porcupine"
)

// asked and answered are an operation's two ends, as the model has them.
type asked struct {
	kind       kind
	old, value int64
}

type answered struct {
	value int64 // read
	equal bool
}

// model is a register: one value, at first 0.
var model = porcupine.Model{
	Init: func() any { return int64(0) },
	Step: func(state, input, output any) (bool, any) {
		in, out, value := input.(asked), output.(answered), state.(int64)
		switch {
		case in.kind == write:
			return true, in.value
		case in.kind == read:
			return out.value == value, value
		case out.equal:
			return in.old == value, in.value
		}
		return in.old != value, value
	},
	DescribeOperation: func(input, output any) string { return describe(input.(asked), output.(answered)) },
	DescribeState:     func(state any) string { return fmt.Sprint(state) },
}

func describe(in asked, out answered) string {
	switch {
	case in.kind == write:
		return fmt.Sprintf("write %d", in.value)
	case in.kind == read:
		return fmt.Sprintf("read %d", out.value)
	case out.equal:
		return fmt.Sprintf("compare %d, set %d", in.old, in.value)
	}
	return fmt.Sprintf("compare %d, unequal", in.old)
}

// ends are an operation as it took effect.
func (op *operation) ends() (in asked, out answered) {
	in = asked{kind: op.kind, old: op.old, value: op.value}
	if op.kind == read {
		in.value, out.value = 0, op.value
	}
	out.equal = op.outcome != unequal
	return in, out
}

func (op *operation) String() string {
	return fmt.Sprintf("%s to key %d by client %d, sent at %v, answered at %v",
		describe(op.ends()), op.key, op.client, op.sent.Round(time.Millisecond), op.at.Round(time.Millisecond))
}

// history is what took effect, or answered something, by key. A write without an
// answer that is in the data took effect at some time until the data was read; one
// that is not, never did. A read without an answer says nothing. At the end the
// data is read as if by one more client.
func history(ops []operation, f *found) map[int64][]porcupine.Operation {
	all := map[int64][]porcupine.Operation{}
	rows := map[int64]map[int32]int{} // clients of each key, numbered for the page that shows them
	for i := range ops {
		op := &ops[i]
		at := op.at
		if op.outcome == unknown || op.outcome == refused {
			if op.kind == read || !f.written[op.id] {
				continue
			}
			at = f.sent
		}
		if rows[op.key] == nil {
			rows[op.key] = map[int32]int{}
		}
		row, ok := rows[op.key][op.client]
		if !ok {
			row = len(rows[op.key])
			rows[op.key][op.client] = row
		}
		in, out := op.ends()
		all[op.key] = append(all[op.key], porcupine.Operation{
			ClientId: row, Input: in, Call: int64(op.sent), Output: out, Return: int64(at),
		})
	}
	for key := range all {
		all[key] = append(all[key], porcupine.Operation{
			ClientId: len(rows[key]), Input: asked{kind: read}, Call: int64(f.sent),
			Output: answered{value: f.values[key]}, Return: int64(f.read),
		})
	}
	return all
}
