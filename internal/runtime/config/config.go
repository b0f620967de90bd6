package config

import (
	"log/slog"
	"syscall"
	"time"
)

// Forever is the patience of a program that never gives up.
const Forever = time.Duration(1<<63 - 1)

// Program says which of the programs reads the environment; in the table it is
// a set of them.
type Program uint8

// The programs.
const (
	ProgramBackend Program = 1 << iota
	ProgramFrontend
	ProgramTools // msdhactl
	ProgramWitness

	everyProgram = ProgramBackend | ProgramFrontend | ProgramTools | ProgramWitness
	ofOneGroup   = ProgramBackend | ProgramFrontend | ProgramTools
)

// Common is what every program needs to find its group.
type Common struct {
	Etcd  Etcd
	Group string
	// Prefix is what the keys of all groups begin with, without a slash at its
	// end; kv.Prefix joins it with the group.
	Prefix string
	Name   string
	// TTL is asked of etcd, in whole seconds; what etcd grants may be larger.
	TTL time.Duration
	// StartPatience is how long etcd may be unreachable at start; it may be
	// Forever.
	StartPatience time.Duration
	LogJSON       bool
	LogLevel      slog.Level
}

// Etcd is how to reach etcd and log in. It can be logged as it is.
type Etcd struct {
	// Endpoints are scheme://host:port, without user and password, all of the
	// same scheme.
	Endpoints []string
	User      string // empty: no login
	Password  Secret
	// CACert, Cert and Key are paths of PEM files, empty for none. They were
	// readable and well-formed at start.
	CACert, Cert, Key  string
	InsecureSkipVerify bool
	// TLS says whether the endpoints are to be spoken to with TLS.
	TLS         bool
	DialTimeout time.Duration
}

// Backend is the configuration of an agent.
type Backend struct {
	Common
	// MasterTTL is how long a master stays master (SPEC N4); 0: without end.
	MasterTTL time.Duration
	// Address is the host, or host:port, that frontends dial.
	Address     string
	HooksDir    string
	RunDir      string
	StateDir    string // RunDir where it is not set
	StopSignal  syscall.Signal
	StopTimeout time.Duration
	FenceSignal syscall.Signal
	// HookTimeouts has an entry for every hook, by the name of its file, but for
	// `start`, which is the main process; 0: no timeout.
	HookTimeouts map[string]time.Duration
	// MonitorInterval is the time between runs of the monitor hook, 0: none, and
	// MonitorFailures how many failures in a row end the node (SPEC N8).
	MonitorInterval time.Duration
	MonitorFailures int
	Candidate       bool
	Priority        int // among candidates whose data reaches equally far
	// PromoteQuorum is Q of a group without a member list (SPEC E7).
	PromoteQuorum int
	// PublishAfter has the state `master` published after the master hook.
	PublishAfter bool
	AlwaysWait   bool
	// FenceProves lets the fence hook attest a death (SPEC E11).
	FenceProves bool
	HTTPListen  string // host:port; empty: off
	Record      string // file for events and effects; empty: off
}

// Frontend is the configuration of a proxy.
type Frontend struct {
	Common
	// Port is listened on, and dialled on a master that names no other.
	Port       uint16
	HTTPListen string // host:port; empty: off
	Record     string // file for events and effects; empty: off
}

// Tools is the configuration of msdhactl's commands that talk to etcd.
type Tools struct {
	Common
}

// Witness is the configuration of a witness.
type Witness struct {
	Common            // Group may be empty: all groups below Prefix
	Engine     string // path of the container engine's socket
	HTTPListen string // host:port; empty: off
}

// EngineProxy is the configuration of the filter before an engine.
type EngineProxy struct {
	Engine, Listen string // paths of sockets
	LogJSON        bool
	LogLevel       slog.Level
}

// settings is what the parsers of the table write to: everything that any
// program knows, because everything is validated by every program.
type settings struct {
	program  Program
	common   Common
	backend  Backend
	frontend Frontend
	engine   EngineProxy

	httpListen string
	record     string
	// The rest is compared once all variables have been read.
	endpoints         []endpoint
	userPassword      Secret // of ETCDCTL_USER=user:password
	certText, keyText []byte
	readFile          func(path string) ([]byte, error)
}

// LoadBackend reads the configuration of an agent. The error is of type Faults.
func LoadBackend(s Source) (Backend, []Warning, error) {
	c, warnings, err := s.load(ProgramBackend)
	if err != nil {
		return Backend{}, warnings, err
	}
	b := c.backend
	b.Common, b.HTTPListen, b.Record = c.common, c.httpListen, c.record
	return b, warnings, nil
}

// LoadFrontend reads the configuration of a proxy. The error is of type Faults.
func LoadFrontend(s Source) (Frontend, []Warning, error) {
	c, warnings, err := s.load(ProgramFrontend)
	if err != nil {
		return Frontend{}, warnings, err
	}
	f := c.frontend
	f.Common, f.HTTPListen, f.Record = c.common, c.httpListen, c.record
	return f, warnings, nil
}

// LoadTools reads the configuration of msdhactl. The error is of type Faults.
func LoadTools(s Source) (Tools, []Warning, error) {
	c, warnings, err := s.load(ProgramTools)
	if err != nil {
		return Tools{}, warnings, err
	}
	return Tools{Common: c.common}, warnings, nil
}

// LoadWitness reads the configuration of a witness. The error is of type Faults.
func LoadWitness(s Source) (Witness, []Warning, error) {
	c, warnings, err := s.load(ProgramWitness)
	if err != nil {
		return Witness{}, warnings, err
	}
	return Witness{Common: c.common, Engine: c.engine.Engine, HTTPListen: c.httpListen}, warnings, nil
}

// LoadEngineProxy reads what the filter before an engine needs, and nothing else: it
// does not know etcd. The error is of type Faults.
func LoadEngineProxy(s Source) (EngineProxy, error) {
	l := s.newLoader(ProgramWitness)
	for _, name := range []string{engineSocket, engineProxy, "MSDHA_LOG_FORMAT", "MSDHA_LOG_LEVEL"} {
		l.read(lookupVariable(name))
	}
	if len(l.faults) > 0 {
		return EngineProxy{}, l.faults
	}
	p := l.settings.engine
	p.LogJSON, p.LogLevel = l.settings.common.LogJSON, l.settings.common.LogLevel
	return p, nil
}

// LoadHTTPListen reads where a program answers, and nothing else, for whoever asks
// it: a wrong variable elsewhere is the running program's to report. Empty: off.
// The error is of type Faults.
func LoadHTTPListen(s Source, p Program) (string, error) {
	l := s.newLoader(p)
	l.read(lookupVariable(httpListen))
	if len(l.faults) > 0 {
		return "", l.faults
	}
	return l.settings.httpListen, nil
}
