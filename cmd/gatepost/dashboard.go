package main

import (
	"context"

	"github.com/gatepost-proxy/gatepost/audit/console/dashboard"
	"github.com/gatepost-proxy/gatepost/cache"
	"github.com/gatepost-proxy/gatepost/proxy/keyring"
)

// cachedAnswers shows the dashboard what the cache holds.
type cachedAnswers struct{ cache *cache.Cache }

func (c cachedAnswers) Cached() []dashboard.Cached {
	entries := c.cache.List()
	list := make([]dashboard.Cached, len(entries))
	for i, e := range entries {
		list[i] = dashboard.Cached{ConnectionID: e.Connection, Principal: e.Principal, Region: e.Region, EventID: e.EventID, Filled: e.Filled, Expires: e.Expires}
	}
	return list
}

// keysFile shows the dashboard what the keys file says of each key but its secret.
type keysFile struct{ file keyring.File }

func (k keysFile) Keys(context.Context) ([]dashboard.Key, error) {
	keys, err := k.file.List()
	if err != nil {
		return nil, err
	}
	list := make([]dashboard.Key, len(keys))
	for i, key := range keys {
		list[i] = dashboard.Key{ID: key.ID, Principal: key.Principal, Expires: key.Expires, Disabled: key.Disabled}
	}
	return list, nil
}
