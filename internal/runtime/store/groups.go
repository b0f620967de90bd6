package store

import (
	"context"
	"strings"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"msdha/internal/fsm/kv"
)

// Groups gives every key of every group below the prefix, or of the one group that
// the store was opened for, by group, as of the header's revision. The read is
// linearizable. What is below the prefix and in no group is left out.
func (s *Store) Groups(ctx context.Context) (map[string][]kv.Item, kv.Header, kv.Outcome, error) {
	base := strings.TrimRight(s.config.Prefix, "/") + "/"
	from, end := base, clientv3.GetPrefixRangeEnd(base)
	if s.config.Group != "" {
		from, end = s.prefix, s.end
	}
	var resp *pb.RangeResponse
	req := &pb.RangeRequest{Key: []byte(from), RangeEnd: []byte(end)}
	outcome, err := s.doAny(ctx, "list the keys below "+from, func(ctx context.Context, l *lane) (err error) {
		resp, err = pb.NewKVClient(l.conn()).Range(ctx, req, callOptions...)
		return err
	})
	if err != nil {
		return nil, kv.Header{}, outcome, err
	}
	groups := map[string][]kv.Item{}
	for _, pair := range resp.Kvs {
		group, path, _ := strings.Cut(strings.TrimPrefix(string(pair.Key), base), "/")
		if kv.ValidName(group) != nil {
			continue
		}
		it := s.item(pair)
		it.Key = kv.ParseKey(path)
		it.Record = kv.Decode(it.Key, pair.Value)
		groups[group] = append(groups[group], it)
	}
	return groups, header(resp.Header), outcome, nil
}

// In is the same connections for another group below the prefix. Close the original.
func (s *Store) In(group string) *Store {
	c := s.config
	c.Group = group
	o := &Store{
		config: c, prefix: kv.Prefix(c.Prefix, group), login: s.login, lanes: s.lanes,
		closing: s.closing, close: s.close,
	}
	o.end = clientv3.GetPrefixRangeEnd(o.prefix)
	return o
}
