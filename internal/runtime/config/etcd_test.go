package config

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestEndpoints(t *testing.T) {
	cases := []struct {
		value    string
		want     []string
		user, pw string
		tls      bool
	}{
		{"etcd", []string{"http://etcd:2379"}, "", "", false},
		{"a:1, b:2", []string{"http://a:1", "http://b:2"}, "", "", false},
		{"HTTPS://a/,b:1", nil, "", "", false}, // mixed: b is http for want of certificates
		{"https://a,https://[::1]:3/", []string{"https://a:2379", "https://[::1]:3"}, "", "", true},
		{"http://::1", []string{"http://[::1]:2379"}, "", "", false},
		{"http://root:p%40s%3As%2C@e:1", []string{"http://e:1"}, "root", "p@s:s,", false},
		{"http://root:p@ss:w@e:1", []string{"http://e:1"}, "root", "p@ss:w", false},
		{"http://u:a@e,http://u:a@f,g:1", []string{
			"http://e:2379", "http://f:2379", "http://g:1",
		}, "u", "a", false},
		{"u:a@e", []string{"http://e:2379"}, "u", "a", false},
	}
	for _, c := range cases {
		vars := enough(map[string]string{"ETCDCTL_ENDPOINTS": c.value})
		b, _, err := LoadBackend(environment(vars, nil))
		if (err == nil) != (c.want != nil) {
			t.Errorf("%s: got error %v", c.value, err)
			continue
		}
		e := b.Etcd
		if !slices.Equal(e.Endpoints, c.want) || e.User != c.user ||
			e.Password.Reveal() != c.pw || e.TLS != c.tls {
			t.Errorf("%s: got %v with password %q", c.value, e, e.Password.Reveal())
		}
	}
}

func TestLogin(t *testing.T) {
	const withLogin = "http://root:one@etcd:2379"
	cases := []struct {
		endpoints, user, password string
		wantUser, wantPassword    string // no user: a fault
	}{
		{"etcd", "root:one", "", "root", "one"},
		{"etcd", "root:o:n:e", "", "root", "o:n:e"},
		{"etcd", "root", "one", "root", "one"},
		{"etcd", "root", "o:ne", "root", "o:ne"},
		{withLogin, "root", "", "root", "one"},
		{withLogin, "root:one", "", "root", "one"},
		{withLogin, "root", "one", "root", "one"},
		{withLogin, "root", "two", "", ""},
		{withLogin, "admin", "", "", ""},
		{withLogin, "root:two", "", "", ""},
		{withLogin, "", "one", "", ""},
		{"etcd", "root:one", "one", "", ""},
		{"etcd", "root", "", "", ""},
	}
	for _, c := range cases {
		vars := enough(map[string]string{
			"ETCDCTL_ENDPOINTS": c.endpoints, "ETCDCTL_USER": c.user, "ETCDCTL_PASSWORD": c.password,
		})
		b, _, err := LoadBackend(environment(vars, nil))
		if (err == nil) != (c.wantUser != "") {
			t.Errorf("%+v: got error %v", c, err)
		}
		if b.Etcd.User != c.wantUser || b.Etcd.Password.Reveal() != c.wantPassword {
			t.Errorf("%+v: got %q, %q", c, b.Etcd.User, b.Etcd.Password.Reveal())
		}
	}
}

// certificate makes a self-signed certificate and its key as PEM texts.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return block("CERTIFICATE", der), block("PRIVATE KEY", keyDER)
}

func TestTLS(t *testing.T) {
	cert, key := certificate(t)
	_, otherKey := certificate(t)
	files := map[string]string{"/ca": cert, "/cert": cert, "/key": key, "/other": otherKey}
	full := map[string]string{
		"ETCDCTL_ENDPOINTS": "a:1,b:2", "ETCDCTL_CACERT": "/ca",
		"ETCDCTL_CERT": "/cert", "ETCDCTL_KEY": "/key",
	}
	b, warnings, err := LoadBackend(environment(enough(full), files))
	if err != nil || len(warnings) != 0 {
		t.Fatalf("got error %v, warnings %v", err, warnings)
	}
	e := b.Etcd
	if !e.TLS || e.Endpoints[1] != "https://b:2" || e.CACert != "/ca" || e.Cert != "/cert" ||
		e.Key != "/key" {
		t.Errorf("got %+v", e)
	}
	for _, c := range []struct {
		name, value, want string
	}{
		{"ETCDCTL_KEY", "/other", "cannot use ETCDCTL_CERT"},
		{"ETCDCTL_KEY", "", "cannot use ETCDCTL_KEY: it is not set"},
		{"ETCDCTL_CERT", "", "cannot use ETCDCTL_CERT: it is not set"},
		{"ETCDCTL_KEY", key, "instead of its path"},
	} {
		vars := enough(full)
		vars[c.name] = c.value
		_, _, err := LoadBackend(environment(vars, files))
		if faults := faultsOf(t, err); len(faults) != 1 || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
		if strings.Contains(err.Error(), "BEGIN") {
			t.Errorf("the key is printed: %v", err)
		}
	}
	full["ETCDCTL_ENDPOINTS"] = "http://a:1"
	if _, warnings, err = LoadBackend(environment(enough(full), files)); err != nil ||
		len(warnings) != 1 {
		t.Errorf("http with certificates: got warnings %v, error %v", warnings, err)
	}
}

// everyPrint is a value in all the ways in which a log could show it.
func everyPrint(t *testing.T, v any) string {
	t.Helper()
	var out bytes.Buffer
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&out, format+"\n", v)
	}
	if err := json.NewEncoder(&out).Encode(v); err != nil {
		t.Fatal(err)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("config", "value", v)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("config", "value", v)
	return out.String()
}

func TestPasswordIsNeverPrinted(t *testing.T) {
	const secret = "hunter2Hunter2"
	for _, vars := range []map[string]string{
		{"ETCDCTL_USER": "root:" + secret},
		{"ETCDCTL_USER": "root", "ETCDCTL_PASSWORD": secret},
		{"ETCDCTL_ENDPOINTS": "http://root:" + secret + "@etcd:2379"},
	} {
		b, _, err := LoadBackend(environment(enough(vars), nil))
		if err != nil || b.Etcd.Password.Reveal() != secret {
			t.Fatalf("got %v, error %v", b.Etcd, err)
		}
		f, _, err := LoadFrontend(environment(enough(vars), nil))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []any{b, &b, f, b.Common, b.Etcd, b.Etcd.Password} {
			text := everyPrint(t, v)
			hexed := fmt.Sprintf("%x", secret)
			if strings.Contains(text, secret) || strings.Contains(strings.ToLower(text), hexed) {
				t.Errorf("the password is printed:\n%s", text)
			}
			if !strings.Contains(text, redacted) {
				t.Errorf("it does not show that there is a password:\n%s", text)
			}
		}
	}
}

// Whatever else is wrong, and however badly the password is encoded, the faults
// do not print it.
func TestFaultsHidePasswords(t *testing.T) {
	const mark = "Zq7"
	rapid.Check(t, func(t *rapid.T) {
		noise := rapid.StringOfN(rapid.RuneFrom([]rune("ab@:/?#,%[] .=\\\"'é-5\n")), 0, 6, -1)
		pw := mark + noise.Draw(t, "a") + mark + noise.Draw(t, "b") + mark
		if rapid.Bool().Draw(t, "escaped") {
			pw = url.PathEscape(pw)
		}
		scheme := rapid.SampledFrom([]string{"", "http://", "https://", "ftp://", "http:/"})
		host := rapid.SampledFrom([]string{"etcd", "etcd:1", "etcd:x", "[::1", "", "e/x?y"})
		endpoint := scheme.Draw(t, "scheme") + "root:" + pw + "@" + host.Draw(t, "host")
		if rapid.Bool().Draw(t, "second") {
			endpoint += "," + scheme.Draw(t, "scheme2") + host.Draw(t, "host2")
		}
		vars := enough(map[string]string{"ETCDCTL_ENDPOINTS": endpoint, "MSDHA_GROUP": "_"})
		switch rapid.IntRange(0, 3).Draw(t, "more") {
		case 0:
			vars["ETCDCTL_USER"] = "root:" + pw
		case 1:
			vars["ETCDCTL_USER"], vars["ETCDCTL_PASSWORD"] = "root", pw+"x"
		case 2:
			vars["ETCDCTL_PASSWORD"], vars["ETCDCTL_PASSWORD_FILE"] = pw, "/x"
		}
		_, warnings, err := LoadBackend(environment(vars, nil))
		if err == nil {
			t.Fatal("the group is wrong, and there is no error")
		}
		if text := everyFault(err, warnings); strings.Contains(text, mark) {
			t.Fatalf("a part of the password %q is printed:\n%s", pw, text)
		}
	})
}

func TestShowEndpoints(t *testing.T) {
	for _, c := range []struct{ value, want string }{
		{"http://etcd:2379,b:1", "http://etcd:2379,b:1"},
		{"HTTP://root:pw@etcd:2379", "HTTP://***@etcd:2379"},
		{"http://u:a@e:1,http://u:b@f:2", "http://***@f:2"},
		{"http://root:p@ss,w@e:1", "http://***@e:1"},
		{"root:x://y@e", "***@e"},
		{"http://root:pw", "http://root:***"},
		{"root:pw://e", "root:***"},
		{"http://[::1]:2379/", "http://[::1]:2379/"},
		{"http://[::1]:pw", "http://[::1]:***"},
		{"ftp://etcd:2379", "ftp://etcd:2379"},
	} {
		if got := showEndpoints(c.value); got != c.want {
			t.Errorf("%s is shown as %s, want %s", c.value, got, c.want)
		}
	}
}

func everyFault(err error, warnings []Warning) string {
	return fmt.Sprintf("%v\n%+v\n%#v\n%v", err, err, err, warnings)
}

func FuzzEndpoints(f *testing.F) {
	for _, seed := range []string{
		"http://a:1", "a", "https://u:p@a:1,b", "http://[::1]:2", "://", "@", "u:p@", "http://%@a",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		shown := showEndpoints(s)
		if i := strings.LastIndexByte(shown, '@'); i >= 0 && !strings.HasSuffix(shown[:i], redacted) {
			t.Errorf("%q is shown as %q", s, shown)
		}
		endpoints, err := parseEndpoints(s)
		if err != nil {
			return
		}
		for _, e := range endpoints {
			text := e.scheme + "://" + e.address
			if e.scheme == "" {
				text = e.address
			}
			again, err := parseEndpoint(text)
			if err != nil || again.address != e.address {
				t.Errorf("%q: got %q, and of that %q, error %v", s, text, again.address, err)
			}
		}
	})
}
