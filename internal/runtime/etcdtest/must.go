package etcdtest

// TB is what these need of a testing.TB; the demo, which uses this package too,
// shall not contain package testing.
type TB interface {
	Helper()
	Cleanup(f func())
	Error(args ...any)
	Fatal(args ...any)
}

// MustStart starts a server that ends with the test.
func MustStart(t TB, o Options) *Server {
	t.Helper()
	s, err := Start(o)
	return owned(t, s, err)
}

// MustRelay makes a relay that ends with the test.
func MustRelay(t TB, target string) *Relay {
	t.Helper()
	r, err := NewRelay(target)
	return owned(t, r, err)
}

// MustCA makes a certificate authority in that directory.
func MustCA(t TB, dir, name string) *CA {
	t.Helper()
	ca, err := NewCA(dir, name)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// MustIssue is Issue.
func (ca *CA) MustIssue(t TB, name string) (cert, key string) {
	t.Helper()
	cert, key, err := ca.Issue(name)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// owned closes what the test owns from now on.
func owned[T interface{ Close() error }](t TB, what T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := what.Close(); err != nil {
			t.Error(err)
		}
	})
	return what
}
