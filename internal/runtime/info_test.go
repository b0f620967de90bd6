package runtime

import (
	"errors"
	"log/slog"
	"testing"

	"msdha/internal/runtime/config"
	"msdha/internal/runtime/status"
)

// living is a program's HTTP server without the program.
type living struct{ counters status.Counters }

func (l *living) Snapshot() status.Snapshot  { return l }
func (l *living) Counters() *status.Counters { return &l.counters }
func (l *living) Alive() bool                { return true }
func (l *living) Serving() bool              { return false }

// TestHealthcheck: it needs no other variable than the one that it is about, and
// takes that one as the program does.
func TestHealthcheck(t *testing.T) {
	server, err := status.Listen("127.0.0.1:0", &living{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	files := map[string]string{"/listen": server.Addr().String() + "\n"}
	for _, c := range []struct {
		env  []string
		code int
	}{
		{[]string{"MSDHA_HTTP_LISTEN=" + server.Addr().String()}, 0},
		{[]string{"MSDHA_HTTP_LISTEN_FILE=/listen"}, 0},
		{[]string{"MSDHA_HTTP_LISTEN_FILE=/listen", "MSDHA_TTL=never", "MSDHA_GROUP="}, 0},
		{[]string{"MSDHA_HTTP_LISTEN=off"}, 0},
		{[]string{"MSDHA_HTTP_LISTEN=127.0.0.1:1"}, 1},
		{[]string{"MSDHA_HTTP_LISTEN=8008"}, 1},
		{[]string{"MSDHA_HTTP_LISTEN_FILE=/missing"}, 1},
		{[]string{"MSDHA_HTTP_LISTEN=off", "MSDHA_HTTP_LISTEN_FILE=/listen"}, 1},
	} {
		source := config.Source{Environ: c.env, ReadFile: func(path string) ([]byte, error) {
			if text, ok := files[path]; ok {
				return []byte(text), nil
			}
			return nil, errors.New("no such file")
		}}
		for _, p := range []config.Program{config.ProgramBackend, config.ProgramFrontend} {
			if code := (About{Program: p}).healthcheck(source); code != c.code {
				t.Errorf("%v, %q: exit code %d, want %d", p, c.env, code, c.code)
			}
		}
	}
}
