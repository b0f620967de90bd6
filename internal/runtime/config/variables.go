package config

import (
	"log/slog"
	"syscall"
	"time"

	"msdha/internal/fsm/kv"
)

// otherHooks are the hooks that are built and have no timeout of their own in
// SPEC H4.
var otherHooks = []string{"node_state_change", "data", "follow", "members", "monitor"}

// table is every variable of SPEC C, in the order in which the documents and
// the faults list them.
var table = []variable{
	{
		name: "ETCDCTL_ENDPOINTS", who: everyProgram, required: everyProgram,
		meaning: "etcd's client URLs; `user:password@` in them works and is never logged; " +
			"the port is 2379 where none is given",
		form: "comma-separated http://host:port, https://host:port or host:port, " +
			"each with user:password@ before the host where etcd wants a login",
		show: showEndpoints, set: setEndpoints,
	},
	{
		name: "ETCDCTL_USER", who: everyProgram,
		meaning: "user to log in to etcd as, or `user:password`",
		form:    "user, or user:password", show: showUser, set: setUser,
	},
	{
		name: "ETCDCTL_PASSWORD", who: everyProgram,
		meaning: "the user's password", form: "the password of ETCDCTL_USER", show: hide,
		set: into(asIs, func(c *settings) *string {
			return (*string)(&c.common.Etcd.Password)
		}),
	},
	{
		name: "ETCDCTL_CACERT", who: everyProgram, defaultText: "the system's",
		meaning: "path of the CA certificates that etcd's is verified with",
		form:    formPEM, show: showPath, set: setCACert,
	},
	{
		name: "ETCDCTL_CERT", who: everyProgram,
		meaning: "path of the client certificate",
		form:    formPEM + ", with ETCDCTL_KEY", show: showPath, set: setCert,
	},
	{
		name: "ETCDCTL_KEY", who: everyProgram,
		meaning: "path of the client certificate's key",
		form:    formPEM + ", with ETCDCTL_CERT", show: showPath, set: setKey,
	},
	{
		name: "ETCDCTL_INSECURE_SKIP_TLS_VERIFY", who: everyProgram, defaults: all("false"),
		meaning: "accept any certificate of etcd", form: formBool,
		set: into(parseBool, func(c *settings) *bool {
			return &c.common.Etcd.InsecureSkipVerify
		}),
	},
	{
		name: "ETCDCTL_DIAL_TIMEOUT", who: everyProgram, defaults: all("2s"),
		meaning: "how long a connection or a login may take",
		form:    "a duration above zero, such as 2s or 500ms",
		set: into(parseEtcdctlTimeout, func(c *settings) *time.Duration {
			return &c.common.Etcd.DialTimeout
		}),
	},
	{
		name: "MSDHA_GROUP", who: everyProgram, required: ofOneGroup,
		meaning: "the group; `g` and `g2` never see each other. A witness serves all groups below `MSDHA_PREFIX` " +
			"where it is not set",
		form: formName,
		set:  into(validName, func(c *settings) *string { return &c.common.Group }),
	},
	{
		name: "MSDHA_PORT", who: ProgramFrontend, required: ProgramFrontend,
		meaning: "port that is listened on, and dialled on the master",
		form:    "a port from 1 to 65535",
		set:     into(parsePort, func(c *settings) *uint16 { return &c.frontend.Port }),
	},
	{
		name: "MSDHA_NAME", who: everyProgram, defaultText: "the hostname", typo: typoOfName,
		meaning: "name of the node, frontend or witness (`MSHDA_NAME` is accepted with a warning)",
		form:    formName, set: setName,
	},
	{
		name: "MSDHA_TTL", who: ofOneGroup, defaults: all("10"),
		meaning: "TTL of the lease; below 3 warns, as renewals come every third of it",
		form:    "whole seconds from 1 to 86400, such as 10, 10s or 1m",
		set:     into(parseTTL, func(c *settings) *time.Duration { return &c.common.TTL }),
	},
	{
		name: "MSDHA_MASTER_TTL", who: ProgramBackend, defaults: all("1d"),
		meaning: "a master ends by itself after this time, once others are ready; or `off`",
		form:    formOptional,
		set: into(parseOptional, func(c *settings) *time.Duration {
			return &c.backend.MasterTTL
		}),
	},
	{
		name: "MSDHA_PREFIX", who: everyProgram, defaults: all("/msdha"),
		meaning: "what the keys in etcd begin with (the shell original wrote `msdha`)",
		form:    "segments of letters, digits, '.', '_' and '-', joined by '/'",
		set:     into(parsePrefix, func(c *settings) *string { return &c.common.Prefix }),
	},
	{
		name: "MSDHA_ADDRESS", who: ProgramBackend, defaultText: "the name",
		meaning: "host or host:port that frontends dial, resolved afresh at every dial",
		form:    "host, host:port, an IP address or [IPv6]:port",
		set:     into(parseAddress, func(c *settings) *string { return &c.backend.Address }),
	},
	{
		name: "MSDHA_HOOKS_DIR", who: ProgramBackend, defaults: all("/etc/msdha/hooks"),
		meaning: "directory of the hooks", form: formDir,
		set: into(parsePath, func(c *settings) *string { return &c.backend.HooksDir }),
	},
	{
		name: "MSDHA_RUN_DIR", who: ProgramBackend, defaults: all("/run/msdha"),
		meaning: "directory of `is_master` and `current_master`", form: formDir,
		set: into(parsePath, func(c *settings) *string { return &c.backend.RunDir }),
	},
	{
		name: "MSDHA_STATE_DIR", who: ProgramBackend, defaultText: "MSDHA_RUN_DIR",
		meaning: "directory of `seen.json`, by which a restarted node recognises an etcd that was restored, and " +
			"knows its member list and what `msdhactl reinit` asked for: where `MSDHA_RUN_DIR` is a tmpfs, name " +
			"one on a volume",
		form: formDir,
		set:  into(parsePath, func(c *settings) *string { return &c.backend.StateDir }),
	},
	{
		name: "MSDHA_STOP_SIGNAL", who: ProgramBackend, defaults: all("TERM"),
		meaning: "signal of a planned stop", form: formSignal,
		set: into(parseSignal, func(c *settings) *syscall.Signal {
			return &c.backend.StopSignal
		}),
	},
	{
		name: "MSDHA_STOP_TIMEOUT", who: ProgramBackend, defaults: all("8s"),
		meaning: "time between that signal and SIGKILL (Docker's own grace is 10 s: raise " +
			"both together)",
		form: formDuration,
		set: into(parsePositive, func(c *settings) *time.Duration {
			return &c.backend.StopTimeout
		}),
	},
	{
		name: "MSDHA_FENCE_SIGNAL", who: ProgramBackend, defaultText: "the stop signal",
		meaning: "first signal when authority was lost; PostgreSQL: QUIT", form: formSignal,
		set: into(parseSignal, func(c *settings) *syscall.Signal {
			return &c.backend.FenceSignal
		}),
	},
	{
		name: "MSDHA_HOOK_TIMEOUT", who: ProgramBackend, defaults: all("30s"),
		meaning: "timeout of the hooks that have none of their own below; `off` for none",
		form:    formOptional, set: setHookTimeouts,
	},
	hookTimeout("PRE_START", "pre_start", "off"),
	hookTimeout("RUNNING_NOT_READY", "running_not_ready", "off"),
	hookTimeout("READY", "ready", "5m"),
	hookTimeout("MASTER", "master", "5m"),
	hookTimeout("NODE_STATE_CHANGE", "node_state_change", ""),
	hookTimeout("DATA", "data", ""),
	hookTimeout("FENCE", "fence", "5m"),
	hookTimeout("DETACH", "detach", "5s"),
	hookTimeout("POSITION", "position", "5s"),
	hookTimeout("FOLLOW", "follow", ""),
	hookTimeout("MEMBERS", "members", ""),
	hookTimeout("MONITOR", "monitor", ""),
	{
		name: "MSDHA_MONITOR_INTERVAL", who: ProgramBackend, defaults: all("10s"),
		meaning: "time between runs of the `monitor` hook; or `off`", form: formOptional,
		set: into(parseOptional, func(c *settings) *time.Duration {
			return &c.backend.MonitorInterval
		}),
	},
	{
		name: "MSDHA_MONITOR_FAILURES", who: ProgramBackend, defaults: all("3"),
		meaning: "failures of the `monitor` hook in a row that end the node",
		form:    "a whole number from 1 to 1000",
		set:     into(number(1, 1000), func(c *settings) *int { return &c.backend.MonitorFailures }),
	},
	{
		name: "MSDHA_FENCE_PROVES_DEATH", who: ProgramBackend, defaults: all("false"),
		meaning: "the `fence` hook runs while the others wait, and its success attests that the old master is dead: " +
			"only for a hook that has seen the power, or the instance, to be off",
		form: formBool,
		set: into(parseBool, func(c *settings) *bool {
			return &c.backend.FenceProves
		}),
	},
	{
		name: "MSDHA_CANDIDATE", who: ProgramBackend, defaults: all("true"),
		meaning: "`false`: this node is never promoted", form: formBool,
		set: into(parseBool, func(c *settings) *bool { return &c.backend.Candidate }),
	},
	{
		name: "MSDHA_PRIORITY", who: ProgramBackend, defaults: all("0"),
		meaning: "of nodes whose data reaches equally far the one with the highest is promoted",
		form:    "a whole number from 0 to 1000000",
		set:     into(number(0, 1_000_000), func(c *settings) *int { return &c.backend.Priority }),
	},
	{
		name: "MSDHA_PUBLISH", who: ProgramBackend, defaults: all("before"),
		meaning: "`master` is published `before` or `after` the master hook",
		form:    "before or after",
		set: into(choice("before", "after"), func(c *settings) *bool {
			return &c.backend.PublishAfter
		}),
	},
	{
		name: "MSDHA_PUBLISH_BARRIER", who: ProgramBackend, defaults: all("off"),
		meaning: "publish once every live frontend knows the new epoch",
		unbuilt: "the publish barrier",
	},
	{
		name: "MSDHA_ALWAYS_WAIT", who: ProgramBackend, defaults: all("false"),
		meaning: "wait twice the TTL even where the predecessor is proved to be gone",
		form:    formBool,
		set:     into(parseBool, func(c *settings) *bool { return &c.backend.AlwaysWait }),
	},
	{
		name: "MSDHA_PROMOTE_QUORUM", who: ProgramBackend, defaults: all("1"),
		meaning: "how many nodes must have said how far their data reaches, and none of them further than the " +
			"one to be promoted, in a group without a member list",
		form: "a whole number from 1 to 64",
		set:  into(number(1, kv.MaxMembers), func(c *settings) *int { return &c.backend.PromoteQuorum }),
	},
	{
		name: "MSDHA_READ_PORT", who: ProgramFrontend, defaults: all("off"),
		meaning: "port that leads to the ready slaves in turn", unbuilt: "the read port",
	},
	{
		name: "MSDHA_READ_MAX_LAG", who: ProgramFrontend, defaults: all("off"),
		meaning: "slaves that lag more are left out", unbuilt: "the read port",
	},
	{
		name: "MSDHA_READ_FALLBACK", who: ProgramFrontend, defaults: all("off"),
		meaning: "lead to the master when no slave is ready", unbuilt: "the read port",
	},
	{
		name: "MSDHA_HOLD", who: ProgramFrontend, defaults: all("off"),
		meaning: "how long connections wait for a master", unbuilt: "holding connections",
	},
	{
		name: "MSDHA_START_PATIENCE", who: ofOneGroup,
		defaults: defaults{
			ProgramBackend: "30s", ProgramFrontend: "forever", ProgramTools: "5s",
		},
		meaning: "how long etcd may be unreachable at start; or `forever`",
		form:    formDuration + ", or forever",
		set: into(parsePatience, func(c *settings) *time.Duration {
			return &c.common.StartPatience
		}),
	},
	{
		name: httpListen, who: ProgramBackend | ProgramFrontend | ProgramWitness,
		defaults: defaults{ProgramBackend: ":8008", ProgramFrontend: ":8404", ProgramWitness: ":8406"},
		meaning:  "address of health, status and metrics; or `off`",
		form:     "host:port, :port or off",
		set:      into(parseListen, func(c *settings) *string { return &c.httpListen }),
	},
	{
		name: engineSocket, who: ProgramWitness, defaults: all("unix:///var/run/docker.sock"),
		meaning: "socket of the container engine, or of `msdha-witness proxy`. An engine at an address is not " +
			"taken: its word would be about containers of another kernel",
		form: formSocket,
		set:  into(parseSocket, func(c *settings) *string { return &c.engine.Engine }),
	},
	{
		name: engineProxy, who: ProgramWitness, defaults: all("unix:///run/msdha/engine.sock"),
		meaning: "socket on which `msdha-witness proxy` listens", form: formSocket,
		set: into(parseSocket, func(c *settings) *string { return &c.engine.Listen }),
	},
	{
		name: "MSDHA_LOG_FORMAT", who: everyProgram, defaults: all("text"),
		meaning: "`text` or `json`", form: "text or json",
		set: into(choice("text", "json"), func(c *settings) *bool { return &c.common.LogJSON }),
	},
	{
		name: "MSDHA_LOG_LEVEL", who: everyProgram, defaults: all("info"),
		meaning: "`debug`, `info`, `warn` or `error`", form: "debug, info, warn or error",
		set: into(parseLevel, func(c *settings) *slog.Level { return &c.common.LogLevel }),
	},
	{
		name: "MSDHA_RECORD", who: ProgramBackend | ProgramFrontend, defaults: all("off"),
		meaning: "file to which events and effects are recorded, for `msdhactl replay`, or a directory for a " +
			"file of each life (made if it ends in `/`); or `off`",
		form: "an absolute path, or off",
		set:  into(parseRecord, func(c *settings) *string { return &c.record }),
	},
}

// hookTimeout is the row of one hook's timeout (SPEC H4). Without a default of
// its own the hook has that of MSDHA_HOOK_TIMEOUT.
func hookTimeout(suffix, hook, value string) variable {
	v := variable{
		name: "MSDHA_HOOK_TIMEOUT_" + suffix, who: ProgramBackend,
		meaning: "timeout of the `" + hook + "` hook; `off` for none",
		form:    formOptional, set: setHookTimeout(hook),
	}
	if value == "" {
		v.defaultText = "MSDHA_HOOK_TIMEOUT"
	} else {
		v.defaults = all(value)
	}
	return v
}
