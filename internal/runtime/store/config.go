package store

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"msdha/internal/fsm/kv"
)

// Defaults for what Config leaves at zero.
const (
	DefaultDialTimeout = 2 * time.Second // etcdctl's own
	DefaultWatchIdle   = 5 * time.Second
)

// minWatchIdle leaves etcd time to answer.
const minWatchIdle = 100 * time.Millisecond

// Config says which etcd and which group. It carries a password, and prints
// itself without it.
type Config struct {
	// Endpoints are URLs as etcdctl takes them: http://, https:// or unix://, or a
	// bare host:port; any of them may carry user:password@, all the same one.
	Endpoints []string
	// Username may be "name:password" as in ETCDCTL_USER.
	Username, Password string
	// CACert, Cert and Key are files in PEM. Cert and Key are read again for
	// every connection, all three when a connection is given up for dead.
	CACert, Cert, Key  string
	InsecureSkipVerify bool
	// DialTimeout bounds one attempt to connect; 0 means DefaultDialTimeout.
	DialTimeout time.Duration
	// WatchIdle is how long a watch may be silent, although etcd was asked for a
	// sign of life three times, before it is lost; 0 means DefaultWatchIdle.
	WatchIdle time.Duration
	// Prefix and Group are where the group's keys are: <prefix>/<group>/.
	Prefix, Group string
	// AllGroups lets Group be empty: then Groups lists all, and In leads to each.
	AllGroups bool
	// Logger gets what no error can carry; nil means nothing is logged.
	Logger *slog.Logger
}

// String gives the configuration without its secrets.
func (c Config) String() string {
	endpoints := make([]string, len(c.Endpoints))
	for i, e := range c.Endpoints {
		endpoints[i] = redact(e)
	}
	user, _, _ := strings.Cut(c.Username, ":")
	return fmt.Sprintf("etcd %s, user %q, CA %q, certificate %q, keys below %s",
		strings.Join(endpoints, ","), user, c.CACert, c.Cert, kv.Prefix(c.Prefix, c.Group))
}

// GoString keeps %#v from printing the password.
func (c Config) GoString() string { return c.String() }

// LogValue keeps slog from printing the password.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// redact cuts whatever may be a login out of an endpoint, however malformed: all
// between the scheme and the last '@'.
func redact(endpoint string) string {
	at := strings.LastIndexByte(endpoint, '@')
	if at < 0 {
		return endpoint
	}
	scheme, _, ok := strings.Cut(endpoint[:at], "://")
	if !ok {
		return "…" + endpoint[at:]
	}
	return scheme + "://…" + endpoint[at:]
}

// settle checks the configuration and fills in the defaults: it reports every
// fault, not only the first (SPEC C). The endpoints that it returns are free of
// logins, and c has the one that they agree on.
func (c *Config) settle() ([]string, error) {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf(format, args...))
	}
	c.Username, c.Password = splitUser(c.Username, c.Password)
	var endpoints []string
	for _, raw := range c.Endpoints {
		e, user, err := parseEndpoint(strings.TrimSpace(raw))
		if err != nil {
			faults = append(faults, err)
			continue
		}
		endpoints = append(endpoints, e)
		if user == nil {
			continue
		}
		password, _ := user.Password()
		if c.Username != "" && (c.Username != user.Username() || c.Password != password) {
			fault("cannot use two logins: the endpoint %s has another user or password than "+
				"ETCDCTL_USER or an endpoint before it; etcd has one for all members", redact(raw))
			continue
		}
		c.Username, c.Password = user.Username(), password
	}
	switch {
	case len(c.Endpoints) == 0:
		fault("cannot reach etcd without an endpoint: set ETCDCTL_ENDPOINTS, " +
			"e.g. http://etcd:2379")
	case c.Username != "" && c.Password == "":
		fault("cannot log in as %q without a password: set ETCDCTL_PASSWORD, "+
			"or ETCDCTL_USER=%s:PASSWORD", c.Username, c.Username)
	case c.Username == "" && c.Password != "":
		fault("cannot log in with a password alone: set ETCDCTL_USER, or remove ETCDCTL_PASSWORD")
	}
	if err := kv.ValidName(c.Group); err != nil && (c.Group != "" || !c.AllGroups) {
		fault("cannot use the group %q: %w", c.Group, err)
	}
	if c.DialTimeout == 0 {
		c.DialTimeout = DefaultDialTimeout
	}
	if c.WatchIdle == 0 {
		c.WatchIdle = DefaultWatchIdle
	}
	if c.DialTimeout < 0 {
		fault("cannot use the dial timeout %s (ETCDCTL_DIAL_TIMEOUT): it must be positive",
			c.DialTimeout)
	}
	if c.WatchIdle < minWatchIdle {
		fault("cannot use %s as the idle limit of watches: it must be at least %s",
			c.WatchIdle, minWatchIdle)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return endpoints, errors.Join(faults...)
}

// splitUser understands ETCDCTL_USER=name:password, unless the password has a
// variable of its own.
func splitUser(user, password string) (string, string) {
	if name, rest, ok := strings.Cut(user, ":"); ok && password == "" {
		return name, rest
	}
	return user, password
}

// parseEndpoint takes the login out of an endpoint. Its errors never quote more
// than redact leaves: those of package url would quote the password.
func parseEndpoint(raw string) (endpoint string, user *url.Userinfo, err error) {
	refuse := func(why string) (string, *url.Userinfo, error) {
		return "", nil, fmt.Errorf("cannot use the etcd endpoint %q: %s; "+
			"write e.g. http://etcd:2379 or https://user:password@etcd:2379", redact(raw), why)
	}
	if raw == "" {
		return refuse("it is empty")
	}
	if strings.HasPrefix(raw, "unix:") || strings.HasPrefix(raw, "unixs:") {
		return raw, nil, nil
	}
	parsed := raw
	if !strings.Contains(raw, "://") {
		parsed = "//" + raw // a bare host:port, with TLS if there are certificates
	}
	u, err := url.Parse(parsed)
	if err != nil {
		return refuse("it is no URL; in a user or password write '@', ':', '/' and '%' as %40, " +
			"%3A, %2F and %25")
	}
	if u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https" {
		return refuse(fmt.Sprintf("its scheme is %q", u.Scheme))
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return refuse("there is something behind the host and the port")
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil || port == 0 {
		return refuse("it has no port from 1 to 65535")
	}
	if u.Hostname() == "" {
		return refuse("it has no host")
	}
	endpoint = net.JoinHostPort(u.Hostname(), u.Port())
	if u.Scheme != "" {
		endpoint = u.Scheme + "://" + endpoint
	}
	return endpoint, u.User, nil
}
