package status

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Counters count what happened since the start. The zero value is ready.
type Counters struct {
	once        sync.Once
	transitions *prometheus.CounterVec
	hooks       *prometheus.CounterVec
	seconds     *prometheus.CounterVec
}

func (c *Counters) init() {
	c.once.Do(func() {
		c.transitions = prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "msdha_signals_total", Help: "Signals that a machine acted upon, as in docs/FSM.md.",
		}, []string{"signal"})
		c.hooks = prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "msdha_hooks_total", Help: "Runs of hooks.",
		}, []string{"hook", "result"})
		c.seconds = prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "msdha_hook_seconds_total", Help: "Time that hooks ran.",
		}, []string{"hook"})
	})
}

// Transition counts a signal that a machine acted upon.
func (c *Counters) Transition(signal string) {
	c.init()
	c.transitions.WithLabelValues(signal).Inc()
}

// How a run of a hook ended. HookEnded is what was ended because it was for
// something that is over.
const (
	HookOK     = "ok"
	HookFailed = "failed"
	HookEnded  = "ended"
)

// Hook counts a run of a hook.
func (c *Counters) Hook(name, result string, d time.Duration) {
	c.init()
	c.hooks.WithLabelValues(name, result).Inc()
	c.seconds.WithLabelValues(name).Add(d.Seconds())
}

// registry collects the counters and gauges of the present snapshot.
func (c *Counters) registry(s Source) *prometheus.Registry {
	c.init()
	r := prometheus.NewRegistry()
	r.MustRegister(c.transitions, c.hooks, c.seconds)
	gauge := func(name, help string, read func(Snapshot) float64) {
		opts := prometheus.GaugeOpts{Name: name, Help: help}
		r.MustRegister(prometheus.NewGaugeFunc(opts, func() float64 {
			if snap := s.Snapshot(); snap != nil {
				return read(snap)
			}
			return 0
		}))
	}
	gauge("msdha_ready", "1 while promotable or master, or routing.", func(s Snapshot) float64 {
		return number(s.Serving())
	})
	gauge("msdha_master", "1 while this node is master.", func(s Snapshot) float64 {
		b, ok := s.(*Backend)
		return number(ok && b.IsMaster)
	})
	gauge("msdha_following", "1 while the follow hook has attached this node to the present master.",
		func(s Snapshot) float64 {
			b, ok := s.(*Backend)
			return number(ok && b.Follows != "")
		})
	gauge("msdha_paused", "1 while the group is paused.", func(s Snapshot) float64 {
		b, ok := s.(*Backend)
		return number(ok && b.Paused)
	})
	gauge("msdha_epoch", "Epoch of the reign held, or routed to.", func(s Snapshot) float64 {
		switch x := s.(type) {
		case *Backend:
			return float64(x.Epoch)
		case *Frontend:
			return float64(x.Epoch)
		}
		return 0
	})
	gauge("msdha_authority_seconds", "Time left until the deadline; -1 without one.",
		func(s Snapshot) float64 {
			switch x := s.(type) {
			case *Backend:
				return seconds(left(x.Deadline, x.Clock))
			case *Frontend:
				return seconds(left(x.Deadline, x.Clock))
			}
			return -1
		})
	registerTraffic(r, s)
	if _, ok := s.Snapshot().(*Witness); ok {
		registerWitness(r, s)
	}
	return r
}

// registerTraffic adds a frontend's data path.
func registerTraffic(r *prometheus.Registry, s Source) {
	count := func(name, help string, read func(*Frontend) float64) {
		opts := prometheus.CounterOpts{Name: name, Help: help}
		r.MustRegister(prometheus.NewCounterFunc(opts, func() float64 {
			if f, ok := s.Snapshot().(*Frontend); ok {
				return read(f)
			}
			return 0
		}))
	}
	count("msdha_sessions_total", "Connections accepted.", func(f *Frontend) float64 {
		return float64(f.Proxy().Accepted)
	})
	count("msdha_sessions_cut_total", "Sessions reset because their route ended.", func(f *Frontend) float64 {
		return float64(f.Proxy().Cuts)
	})
	count("msdha_bytes_total", "Bytes forwarded, both ways.", func(f *Frontend) float64 {
		p := f.Proxy()
		return float64(p.ToTarget + p.ToClient)
	})
}

func seconds(ms int64) float64 {
	if ms < 0 {
		return -1
	}
	return float64(ms) / 1000
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
