package store

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"msdha/internal/runtime/etcdtest"
)

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	ca, err := etcdtest.NewCA(dir, "ca")
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := ca.Issue("client")
	if err != nil {
		t.Fatal(err)
	}
	_, otherKey, err := ca.Issue("other")
	if err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	endpoints := func(e ...string) func(*Config) {
		return func(c *Config) { c.Endpoints = e }
	}
	tests := []struct {
		name string
		bend func(*Config)
		text []string
	}{
		{"no endpoint", endpoints(), []string{"without an endpoint", "ETCDCTL_ENDPOINTS"}},
		{"empty endpoint", endpoints("http://h:1", ""), []string{"it is empty"}},
		{"no port", endpoints("http://u:" + secret + "@h"), []string{"http://…@h", "no port"}},
		{"port zero", endpoints("http://h:0"), []string{"no port from 1 to 65535"}},
		{"port too large", endpoints("http://h:65536"), []string{"no port from 1 to 65535"}},
		{"port a word", endpoints("http://u:" + secret + "@h:etcd"), []string{"no URL"}},
		{"no host", endpoints("http://:2379"), []string{"no host"}},
		{"path", endpoints("http://h:1/v3"), []string{"behind the host"}},
		{"scheme", endpoints("ftp://u:" + secret + "@h:1"), []string{`scheme is "ftp"`}},
		{"slash in the password", endpoints("http://u:" + secret + "/x@h:1"), []string{"%2F"}},
		{"at in the password", endpoints("u:" + secret + "@@x@h"), []string{"…@h", "no port"}},
		{"user without password", endpoints("http://u@h:1"), []string{"ETCDCTL_PASSWORD", `"u"`}},
		{
			"two users", endpoints("http://u:"+secret+"@h:1", "http://v:"+secret+"@h:2"),
			[]string{"two logins", "http://…@h:2"},
		},
		{"user twice", func(c *Config) {
			c.Username, c.Password = "u", secret+"2"
			c.Endpoints = []string{"http://u:" + secret + "@h:1"}
		}, []string{"two logins"}},
		{"password alone", func(c *Config) { c.Password = secret }, []string{"ETCDCTL_USER"}},
		{"group", func(c *Config) { c.Group = "a/b" }, []string{`the group "a/b"`}},
		{"dial timeout", func(c *Config) { c.DialTimeout = -1 }, []string{"ETCDCTL_DIAL_TIMEOUT"}},
		{"watch idle", func(c *Config) { c.WatchIdle = 1 }, []string{"at least 100ms"}},
		{"no CA file", func(c *Config) { c.CACert = dir + "/none" }, []string{"ETCDCTL_CACERT", "none"}},
		{"CA file of text", func(c *Config) { c.CACert = text }, []string{"ETCDCTL_CACERT", text}},
		{"no cert file", func(c *Config) { c.Cert, c.Key = dir+"/none", key }, []string{"ETCDCTL_CERT"}},
		{"cert without key", func(c *Config) { c.Cert = cert }, []string{cert, "ETCDCTL_KEY"}},
		{"key without cert", func(c *Config) { c.Key = key }, []string{key, "ETCDCTL_CERT"}},
		{"another's key", func(c *Config) { c.Cert, c.Key = cert, otherKey }, []string{otherKey}},
		{"all at once", func(c *Config) {
			c.Endpoints, c.Group, c.CACert, c.Key = []string{"h"}, "", text, key
		}, []string{`"h"`, "group", text, key}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := config(t)
			tt.bend(&c)
			s, err := Open(c)
			if err == nil {
				s.Close()
				t.Fatal("it was accepted")
			}
			for _, text := range tt.text {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("the error %q lacks %q", err, text)
				}
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error has the password: %v", err)
			}
		})
	}
}

func TestConfigUnderstandsWhatEtcdctlDoes(t *testing.T) {
	tests := []struct {
		in             Config
		endpoints      string
		user, password string
	}{
		{Config{Endpoints: []string{"h:1"}}, "h:1", "", ""},
		{
			Config{Endpoints: []string{" http://h:1/ ", "https://[::1]:2"}},
			"http://h:1,https://[::1]:2", "", "",
		},
		{Config{Endpoints: []string{"unix:///run/etcd"}}, "unix:///run/etcd", "", ""},
		{Config{Endpoints: []string{"http://u:p%40%2F%3A%25@h:1"}}, "http://h:1", "u", "p@/:%"},
		{
			Config{Endpoints: []string{"u:p@h:1", "https://u:p@i:1", "j:1"}},
			"h:1,https://i:1,j:1", "u", "p",
		},
		{Config{Endpoints: []string{"h:1"}, Username: "u:p:q"}, "h:1", "u", "p:q"},
		{Config{Endpoints: []string{"h:1"}, Username: "u", Password: "p:q"}, "h:1", "u", "p:q"},
		{Config{Endpoints: []string{"u:p@h:1"}, Username: "u", Password: "p"}, "h:1", "u", "p"},
	}
	for _, tt := range tests {
		c := tt.in
		c.Group = "g"
		endpoints, err := c.settle()
		if err != nil {
			t.Errorf("%s: %v", tt.in, err)
		}
		if got := strings.Join(endpoints, ","); got != tt.endpoints || c.Username != tt.user ||
			c.Password != tt.password {
			t.Errorf("%s: got %s, %q and %q", tt.in, got, c.Username, c.Password)
		}
		if c.DialTimeout != 2*time.Second || c.WatchIdle != 5*time.Second || c.Logger == nil {
			t.Errorf("%s: defaults are %s, %s, %v", tt.in, c.DialTimeout, c.WatchIdle, c.Logger)
		}
	}
}

func TestConfigPrintsWithoutPassword(t *testing.T) {
	for _, c := range []Config{
		{Endpoints: []string{"http://u:" + secret + "@h:1"}, Password: secret, Username: "u"},
		{Endpoints: []string{"u:" + secret + "@h@i", secret + "@h"}, Username: "u:" + secret},
	} {
		var b strings.Builder
		slog.New(slog.NewJSONHandler(&b, nil)).Info("json", "config", c)
		slog.New(slog.NewTextHandler(&b, nil)).Info("text", "config", &c)
		fmt.Fprintf(&b, "%v %+v %#v %s %v", c, c, c, c, &c)
		if strings.Contains(b.String(), secret) || !strings.Contains(b.String(), "@h") {
			t.Errorf("printed as %s", b.String())
		}
	}
}
