package fsm

import (
	"msdha/internal/fsm/kv"
	"msdha/internal/fsm/mutant"
)

// owed is the reign of _epoch as a debt, if it ended and nobody has said that its
// processes are gone. Where nobody has a fence hook nothing is listed (SPEC E9).
func (f *Facts) owed() (kv.Debt, bool) {
	e := &f.Epoch
	if !f.Fences || f.Master.Present || !e.Present || e.Released || mutant.On(mutant.DebtForgotten) {
		return kv.Debt{}, false
	}
	return e.debt(), true
}

// debt is the reign as a hook is told of it, and as _epoch lists it.
func (e *EpochFact) debt() kv.Debt {
	return kv.Debt{Epoch: e.Epoch, Node: e.Node, Incarnation: e.Incarnation, Address: e.Address, Place: e.Place}
}

// Debts are the reigns that a claimant has to fence, the oldest first (SPEC E9).
func (f *Facts) Debts() []kv.Debt {
	list, err := kv.Debts(f.Epoch.Unfenced)
	if err != nil {
		return nil // epochFact calls such a key bad, so that nobody claims
	}
	if d, owed := f.owed(); owed {
		list = append(list, d)
	}
	return list
}

// DebtObstacle keeps everyone from claiming who could not fence what has to be
// fenced (SPEC E9); empty where nothing. hook: the node has a fence hook.
func (f *Facts) DebtObstacle(self string, hook bool) string {
	d, owed := f.owed()
	switch {
	case !f.Fences || !owed && f.Epoch.Unfenced == "":
		return ""
	case !hook:
		return "an earlier reign has to be fenced, and it has no fence hook"
	case owed && d.Node == self, owes(f.Epoch.Unfenced, self):
		return "its own earlier life has to be fenced, which another node must do"
	}
	return ""
}

// owes reports whether the list names the node, or cannot be read.
func owes(text, node string) bool {
	debts, err := kv.Debts(text)
	for _, d := range debts {
		if d.Node == node {
			return true
		}
	}
	return err != nil
}
