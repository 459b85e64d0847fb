// Provider is zitadel's example OpenID Connect provider for one client, in a
// module of its own so that the product does not depend on it: tests sign in
// there with a real browser.
//
//	provider ADDRESS CLIENT SECRET REDIRECT
package main

import (
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"
)

func main() {
	address, client, secret, redirect := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Error("listen", "err", err)
		os.Exit(1)
	}
	issuer := "http://" + listener.Addr().String()
	storage.RegisterClients(storage.WebClient(client, secret, redirect))
	users := storage.NewUserStore(issuer)
	router := exampleop.SetupServer(issuer, storage.NewStorage(users), log, false, op.WithAllowInsecure())
	server := &http.Server{Handler: router, ReadHeaderTimeout: 5 * time.Second}
	os.Stdout.WriteString(issuer + "\n")
	if err := server.Serve(listener); err != nil {
		log.Error("serve", "err", err)
		os.Exit(1)
	}
}
