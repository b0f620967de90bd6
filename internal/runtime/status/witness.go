package status

import "github.com/prometheus/client_golang/prometheus"

// Witness is the snapshot of a witness.
type Witness struct {
	Name       string `json:"name"`
	Group      string `json:"group,omitempty"` // empty: all below the prefix
	Following  bool   `json:"following"`       // the engine's events
	Registered int    `json:"registered"`      // incarnations on this machine, at the last reading
	Inquests   int    `json:"inquests"`        // containers that are being looked at
	Attesting  int    `json:"attesting"`       // releases under way
	Attested   uint64 `json:"attested"`        // since the start
	Live       bool   `json:"live"`
	Ready      bool   `json:"ready"`
}

// Alive reports whether the witness is not leaving.
func (w *Witness) Alive() bool { return w.Live }

// Serving reports whether a death would be noticed and attested: the engine's events
// flow, and etcd answered the last reading.
func (w *Witness) Serving() bool { return w.Ready }

func registerWitness(r *prometheus.Registry, s Source) {
	add := func(name, help string, read func(*Witness) float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			if w, ok := s.Snapshot().(*Witness); ok {
				return read(w)
			}
			return 0
		}))
	}
	add("msdha_witness_following", "1 while the engine's events flow.", func(w *Witness) float64 {
		return number(w.Following)
	})
	add("msdha_witness_registered", "Incarnations on this machine.", func(w *Witness) float64 {
		return float64(w.Registered)
	})
	add("msdha_witness_inquests", "Containers that are being looked at.", func(w *Witness) float64 {
		return float64(w.Inquests)
	})
	r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "msdha_witness_attested_total", Help: "Deaths attested.",
	}, func() float64 {
		if w, ok := s.Snapshot().(*Witness); ok {
			return float64(w.Attested)
		}
		return 0
	}))
}
