package status

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// Probe asks the program of this machine that listens on host:port, as
// MSDHA_HTTP_LISTEN has it, whether it lives. The error says what it answered, or
// why it did not before ctx was done.
func Probe(ctx context.Context, listen string) error {
	var dialer net.Dialer
	transport := &http.Transport{
		// A host that is left out, or stands for all addresses, is dialled as this machine.
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, listen)
		},
		DisableKeepAlives: true,
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/livez", http.NoBody)
	if err != nil {
		return err
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("cannot ask %s: %w", listen, err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		return nil
	}
	const enough = 4 << 10
	text, err := io.ReadAll(io.LimitReader(response.Body, enough))
	if err != nil {
		return fmt.Errorf("cannot read the answer of %s: %w", listen, err)
	}
	return fmt.Errorf("%s answers %s: %s", listen, response.Status, strings.Join(strings.Fields(string(text)), " "))
}
