// Package child holds how processes of this machine are started on behalf of
// the local services. It starts none itself.
package child
