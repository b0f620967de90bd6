//go:build docker

package images_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const owner, replication = "p0stgres's own", "r3plication:pass\\word"

// sql asks through the frontend as the role postgres.
func sql(front *container, password, query string) (answer string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword("postgres", password),
		Host: net.JoinHostPort(front.ip(), "5432"), Path: "/postgres",
	}
	conn, err := pgx.Connect(ctx, u.String())
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx) //nolint:errcheck // it has answered
	err = conn.QueryRow(ctx, query).Scan(&answer)
	return answer, err
}

// undefinedObject is the SQLSTATE for a large object that is not there.
const undefinedObject = "42704"

// awaitStreaming waits until a standby streams from the master and has caught up. A
// node is ready before that, since it is ready without a master, too; and without a
// member list neither a commit nor a planned stop waits for who is not connected.
func awaitStreaming(t *testing.T, front, standby *container) {
	t.Helper()
	eventually(t, standby.name+" to stream", func() error {
		names, err := sql(front, owner, "select coalesce(string_agg(application_name, ' '), 'nobody') "+
			"from pg_stat_replication where state = 'streaming'")
		if err == nil && names != standby.name {
			err = fmt.Errorf("%s streams", names)
		}
		return err
	})
}

// TestPostgreSQL: a group of two, each as locked up as Docker allows, survives the
// planned stop of its master, who comes back as a slave.
func TestPostgreSQL(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, "")
	secrets := t.TempDir()
	for name, text := range map[string]string{"own": owner, "replication": replication} {
		if err := os.WriteFile(filepath.Join(secrets, name), []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(secrets, 0o755); err != nil {
		t.Fatal(err)
	}
	tight := []string{
		"--read-only", "--tmpfs", "/run", "--cap-drop", "ALL", "--health-interval=1s",
		"-e", e.endpoint(), "-e", "MSDHA_GROUP=pg", "-e", "MSDHA_TTL=3",
	}
	node := func(options ...string) *container {
		volume := docker(t, "volume", "create", "--label", run)
		return start(t, "pg", image("backend-postgresql"), slices.Concat(tight, options, []string{
			"-v", volume + ":/var/lib/postgresql/data", "-v", secrets + ":/run/secrets:ro",
			"-e", "MSDHA_PG_PASSWORD_FILE=/run/secrets/own",
			"-e", "MSDHA_PG_REPLICATION_PASSWORD_FILE=/run/secrets/replication",
		})...)
	}
	a := node("--init")
	front := start(t, "front", image("frontend"), append(tight, "-e", "MSDHA_PORT=5432")...)
	e.await("pg", a, "master")
	b := node()
	e.await("pg", b, "ready")
	a.awaitHealth("healthy")
	b.awaitHealth("healthy")

	expect := func(query, want string) {
		t.Helper()
		eventually(t, query, func() error {
			got, err := sql(front, owner, query)
			if err == nil && got != want {
				t.Fatalf("%s gives %q, want %q", query, got, want)
			}
			var told *pgconn.PgError
			if errors.As(err, &told) && told.Code == undefinedObject {
				t.Fatalf("%s: a master does not have what was acknowledged: %v", query, err)
			}
			return err
		})
	}
	awaitStreaming(t, front, b)
	expect("select lo_from_bytea(4711, 'kept')::text", "4711") // a write that answers
	var refused *pgconn.PgError
	if _, err := sql(front, replication, "select ''"); !errors.As(err, &refused) || refused.Code != "28P01" {
		t.Errorf("a wrong password gives %v", err)
	}
	a.expectStop()
	e.await("pg", b, "master")
	expect("select convert_from(lo_get(4711), 'UTF8')", "kept")
	docker(t, "start", a.name)
	e.await("pg", a, "ready")
	for _, c := range []*container{a, b, front} {
		c.expectStop()
		for _, secret := range []string{owner, replication} {
			if strings.Contains(c.logs(), secret) {
				t.Errorf("a password is in the log of %s", c.name)
			}
		}
	}
}
