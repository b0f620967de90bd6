package kv

import (
	"encoding/json"
	"fmt"
)

// Debt is a reign that ended without proof that its processes are gone (SPEC E9).
type Debt struct {
	Epoch       Epoch
	Node        string
	Incarnation LeaseID
	Address     string
	Place
}

// debtJSON is how a debt stands in _epoch.unfenced.
type debtJSON struct {
	Epoch       Epoch  `json:"epoch"`
	Node        string `json:"node"`
	Incarnation string `json:"incarnation"`
	Address     string `json:"address,omitempty"`
	Container   string `json:"container,omitempty"`
	Boot        string `json:"boot,omitempty"`
	PIDs        string `json:"pid_namespace,omitempty"`
	Root        string `json:"root,omitempty"`
}

// Debts reads the list of _epoch.unfenced; an empty text is an empty list.
func Debts(text string) ([]Debt, error) {
	if text == "" {
		return nil, nil
	}
	var list []debtJSON
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, fmt.Errorf("cannot read the field \"unfenced\" of _epoch, %s: %w", clip([]byte(text)), err)
	}
	debts := make([]Debt, 0, len(list))
	for _, d := range list {
		lease, err := ParseLease(d.Incarnation)
		if err != nil {
			return nil, fmt.Errorf("cannot read the field \"unfenced\" of _epoch: %w", err)
		}
		debts = append(debts, Debt{d.Epoch, d.Node, lease, d.Address, Place{d.Container, d.Boot, d.PIDs, d.Root}})
	}
	return debts, nil
}

// DebtsText is the text that Debts reads.
func DebtsText(debts []Debt) string {
	if len(debts) == 0 {
		return ""
	}
	list := make([]debtJSON, 0, len(debts))
	for _, d := range debts {
		list = append(list, debtJSON{
			d.Epoch, d.Node, d.Incarnation.String(), d.Address, d.Container, d.Boot, d.PIDNamespace, d.Root,
		})
	}
	text, err := json.Marshal(list)
	if err != nil {
		panic(err) // numbers and text only
	}
	return string(text)
}
