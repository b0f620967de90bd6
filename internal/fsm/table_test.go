package fsm

import "testing"

func TestTablesAreComplete(t *testing.T) {
	for _, err := range frontendTable.Check() {
		t.Errorf("frontend: %v", err)
	}
	for _, err := range backendTable.Check() {
		t.Errorf("backend: %v", err)
	}
}
