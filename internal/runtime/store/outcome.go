package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"msdha/internal/fsm/kv"
)

// refusals are the answers by which etcd says that it did not execute a request
// and will not the next time either. Whatever is not listed leaves the outcome
// open. Two that are missing on purpose: "database space exceeded", which etcd
// also answers after it has executed the request that filled the quota, and
// "too many requests", "not leader" and the like, which pass.
var refusals = map[error]bool{
	rpctypes.ErrPermissionDenied:  true,
	rpctypes.ErrAuthFailed:        true,
	rpctypes.ErrUserEmpty:         true,
	rpctypes.ErrUserNotFound:      true,
	rpctypes.ErrInvalidAuthMgmt:   true,
	rpctypes.ErrEmptyKey:          true,
	rpctypes.ErrValueProvided:     true,
	rpctypes.ErrLeaseProvided:     true,
	rpctypes.ErrTooManyOps:        true,
	rpctypes.ErrDuplicateKey:      true,
	rpctypes.ErrInvalidSortOption: true,
	rpctypes.ErrRequestTooLarge:   true,
	rpctypes.ErrLeaseTTLTooLarge:  true,
	rpctypes.ErrLeaseExist:        true,
}

// classify says what is known of a request that ended with err. When unsure it
// says Unknown: a claim that is wrongly taken for failed makes two masters, one
// wrongly taken for unknown only costs a read.
func classify(err error) kv.Outcome {
	if err == nil {
		return kv.OK
	}
	known := rpctypes.Error(err)
	if known == rpctypes.ErrLeaseNotFound {
		return kv.LeaseGone
	}
	if etcd, ok := known.(rpctypes.EtcdError); ok && refusals[etcd] {
		return kv.Failed
	}
	// gRPC's own limit on the size of a request, before etcd's.
	if st, ok := status.FromError(err); ok && st.Code() == codes.ResourceExhausted &&
		strings.Contains(st.Message(), "message larger than max") {
		return kv.Failed
	}
	return kv.Unknown
}

// requestError is what a request returns: the sentence for the log, and the
// cause for errors.Is, either etcd's own (rpctypes) or that of the context.
type requestError struct {
	text  string
	cause error
}

func (e *requestError) Error() string { return e.text }
func (e *requestError) Unwrap() error { return e.cause }

// explain makes the error of a request. Neither gRPC nor etcd know the password,
// except in the login, which is never quoted.
func (s *Store) explain(ctx context.Context, what, endpoint string, err error) error {
	cause, why := rpctypes.Error(err), err.Error()
	if st, ok := status.FromError(err); ok {
		why = st.Message()
		if c := st.Code(); ctx.Err() != nil && (c == codes.DeadlineExceeded || c == codes.Canceled) {
			cause, why = ctx.Err(), "no answer in time: "+why
		}
	}
	// gRPC wraps the reason why there is no connection twice.
	if before, quoted, ok := strings.Cut(why, "latest balancer error: connection error: desc = "); ok {
		if reason, err := strconv.Unquote(quoted); err == nil {
			why = before + reason
		}
	}
	if s.closing.Err() != nil {
		why = "the connections are closed"
	}
	cure := s.cure(why, endpoint, cause)
	return &requestError{fmt.Sprintf("cannot %s at etcd %s: %s%s", what, endpoint, why, cure), cause}
}

// cure says what to do about an error where only an operator can do something.
func (s *Store) cure(why, endpoint string, cause error) string {
	switch {
	case errors.Is(cause, rpctypes.ErrAuthFailed):
		return fmt.Sprintf("; check ETCDCTL_USER (%q) and ETCDCTL_PASSWORD", s.config.Username)
	case errors.Is(cause, rpctypes.ErrUserEmpty) && s.config.Username == "":
		return "; this etcd demands a login: set ETCDCTL_USER and ETCDCTL_PASSWORD"
	case errors.Is(cause, rpctypes.ErrPermissionDenied):
		return fmt.Sprintf("; grant the user %q readwrite on %s: etcdctl role grant-permission "+
			"--prefix ROLE readwrite %s", s.config.Username, s.prefix, s.prefix)
	case errors.Is(cause, rpctypes.ErrNoSpace):
		return "; compact and defragment etcd, then: etcdctl alarm disarm"
	case strings.Contains(why, "x509: certificate signed by unknown authority"):
		return "; check that ETCDCTL_CACERT has the authority that signed etcd's certificate"
	case strings.Contains(why, "x509: "):
		return "; check etcd's certificate and ETCDCTL_CACERT"
	case strings.Contains(why, "does not look like a TLS handshake"),
		strings.Contains(why, "handshake failed: ") && hungUp(why):
		return "; does this etcd speak TLS? If not, write http:// in ETCDCTL_ENDPOINTS"
	case strings.Contains(why, "remote error: tls: "),
		strings.Contains(endpoint, "https://") && hungUp(why):
		return "; if etcd demands certificates of its clients, check ETCDCTL_CERT and ETCDCTL_KEY"
	case strings.Contains(why, "preface: ") && hungUp(why):
		return "; does this etcd demand TLS? If so, write https:// in ETCDCTL_ENDPOINTS"
	}
	return ""
}

// hungUp reports whether the peer ended the connection. Which of the three a
// client reads depends on what it had sent when the peer closed: a close with
// bytes unread resets.
func hungUp(why string) bool {
	return strings.Contains(why, ": EOF") || strings.Contains(why, "connection reset") ||
		strings.Contains(why, "broken pipe")
}
