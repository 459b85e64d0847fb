/* An auction server's side of a filter. Where a call sets an error, the auction calls every partner. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <openssl/x509v3.h>
#include <thrift/c_glib/protocol/thrift_binary_protocol.h>
#include <thrift/c_glib/thrift_application_exception.h>
#include <thrift/c_glib/transport/thrift_buffered_transport.h>
#include <thrift/c_glib/transport/thrift_socket.h>
#include <thrift/c_glib/transport/thrift_ssl_socket.h>
#include <thrift/c_glib/transport/thrift_transport.h>

#include "sluice_adfilter_ad_filter.h"

static const int TIMEOUT_MS = 2000; /* in earnest, what is left of tmax */

/* One connection. After any error it is closed: a late answer must not be taken for the next call's. */
typedef struct {
  const char *address, *ca;
  ThriftSocket *socket;
  ThriftTransport *transport;
  ThriftProtocol *protocol;
  SluiceAdfilterBidRequestFilterIf *client; /* NULL while it is closed */
} Filter;

typedef gboolean (*Call) (SluiceAdfilterBidRequestFilterIf *client, gpointer question, gpointer *answer, GError **error);

static void
filter_close (Filter *f)
{
  if (f->client == NULL)
    return;
  thrift_transport_close (f->transport, NULL);
  g_clear_object (&f->client);
  g_clear_object (&f->protocol);
  g_clear_object (&f->transport);
  g_clear_object (&f->socket);
}

/* The library has no time-outs of its own: the socket's are the system's. */
static void
filter_hurry (Filter *f)
{
  struct timeval most = { TIMEOUT_MS / 1000, TIMEOUT_MS % 1000 * 1000 };
  setsockopt (f->socket->sd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
  setsockopt (f->socket->sd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
}

/* The library checks the CA, and leaves the host to this. */
static gboolean
filter_names_host (ThriftTransport *transport, X509 *cert, struct sockaddr_storage *addr, GError **error)
{
  if (X509_check_host (cert, THRIFT_SOCKET (transport)->hostname, 0, 0, NULL) == 1)
    return TRUE;
  g_set_error (error, THRIFT_TRANSPORT_ERROR, THRIFT_TRANSPORT_ERROR_CONNECT, "the certificate is another host's");
  return FALSE;
}

static gboolean
filter_open (Filter *f, GError **error)
{
  const char *colon = strrchr (f->address, ':');
  gchar *host = g_strndup (f->address, colon - f->address);
  guint port = atoi (colon + 1);
  gboolean ok = TRUE;

  if (f->ca == NULL) {
    f->socket = g_object_new (THRIFT_TYPE_SOCKET, "hostname", host, "port", port, NULL);
  } else {
    f->socket = THRIFT_SOCKET (thrift_ssl_socket_new_with_host (SSLTLS, host, port, error));
    ok = f->socket != NULL && thrift_ssl_load_cert_from_file (THRIFT_SSL_SOCKET (f->socket), f->ca);
    if (ok)
      thrift_ssl_socket_set_manager (THRIFT_SSL_SOCKET (f->socket), filter_names_host);
  }
  g_free (host);
  if (!ok) {
    if (error != NULL && *error == NULL)
      g_set_error (error, THRIFT_TRANSPORT_ERROR, THRIFT_TRANSPORT_ERROR_CONNECT, "cannot take %s for a CA", f->ca);
    g_clear_object (&f->socket);
    return FALSE;
  }
  f->transport = g_object_new (THRIFT_TYPE_BUFFERED_TRANSPORT, "transport", f->socket, NULL);
  f->protocol = g_object_new (THRIFT_TYPE_BINARY_PROTOCOL, "transport", f->transport, NULL);
  f->client = g_object_new (SLUICE_ADFILTER_TYPE_AD_FILTER_CLIENT, "input_protocol", f->protocol, "output_protocol", f->protocol, NULL);
  if (!thrift_transport_open (f->transport, error)) {
    filter_close (f);
    return FALSE;
  }
  filter_hurry (f);
  return TRUE;
}

static gboolean
filter_once (Filter *f, Call call, gpointer question, gpointer *answer, GError **error)
{
  if (f->client == NULL && !filter_open (f, error))
    return FALSE;
  if (call (f->client, question, answer, error))
    return TRUE;
  filter_close (f);
  return FALSE;
}

/* Calls once, and once more where the task had closed the connection meanwhile. The library says neither that nor that
 * the time is over, so what took as long as the time-out is not asked again. */
static gboolean
filter_ask (Filter *f, Call call, gpointer question, gpointer *answer, GError **error)
{
  GError *first = NULL;
  gint64 began = g_get_monotonic_time ();

  if (filter_once (f, call, question, answer, &first))
    return TRUE;
  if (first->domain != THRIFT_TRANSPORT_ERROR || g_get_monotonic_time () - began >= TIMEOUT_MS * 1000) {
    g_propagate_error (error, first);
    return FALSE;
  }
  g_clear_error (&first);
  return filter_once (f, call, question, answer, error);
}

static void
check (gboolean holds, const char *what, const GError *error)
{
  if (holds)
    return;
  fprintf (stderr, "client.c: %s%s%s\n", what, error ? ": " : "", error ? error->message : "");
  exit (1);
}

static gboolean
ask_filter (SluiceAdfilterBidRequestFilterIf *client, gpointer question, gpointer *answer, GError **error)
{
  *answer = g_object_new (SLUICE_ADFILTER_TYPE_BID_RESPONSE, NULL);
  if (sluice_adfilter_bid_request_filter_client_filter (client, (SluiceAdfilterBidResponse **) answer, question, error))
    return TRUE;
  g_clear_object (answer);
  return FALSE;
}

static gboolean
ask_decide (SluiceAdfilterBidRequestFilterIf *client, gpointer question, gpointer *answer, GError **error)
{
  GPtrArray *partners = g_ptr_array_new ();
  gboolean ok;

  g_ptr_array_add (partners, "almera");
  g_ptr_array_add (partners, "nobody knows");
  g_ptr_array_add (partners, "bidello");
  *answer = g_object_new (SLUICE_ADFILTER_TYPE_DECISION, NULL);
  ok = sluice_adfilter_ad_filter_client_decide (SLUICE_ADFILTER_AD_FILTER_IF (client), (SluiceAdfilterDecision **) answer, question, partners, error);
  g_ptr_array_unref (partners);
  return ok;
}

static gboolean
ask_report (SluiceAdfilterBidRequestFilterIf *client, gpointer question, gpointer *answer, GError **error)
{
  return sluice_adfilter_ad_filter_client_report (SLUICE_ADFILTER_AD_FILTER_IF (client), question, error);
}

static SluiceAdfilterBidRequest *
published (const char *partner, const char *agent)
{
  return g_object_new (SLUICE_ADFILTER_TYPE_BID_REQUEST, "bidId", "bid-1", "dayOfWeek", 3, "hour", "13", "regionId", "CA",
                       "cityId", "Zürich", "domainId", "example.com", "advertiserId", partner, "biddingPrice", (gint64) 1,
                       "payingPrice", (gint64) -1, "userAgent", agent, "deviceTypeId", 2, NULL);
}

/* Objects keep what they are given, and release it with themselves. */
static SluiceOpenrtbAuctionRequest *
auction (void)
{
  SluiceOpenrtbBanner *banner = g_object_new (SLUICE_OPENRTB_TYPE_BANNER, "w", 300, "h", 250, NULL);
  SluiceOpenrtbImp *imp = g_object_new (SLUICE_OPENRTB_TYPE_IMP, "id", "1", "bidfloor", 0.5, "banner", banner, NULL);
  SluiceOpenrtbGeo *geo = g_object_new (SLUICE_OPENRTB_TYPE_GEO, "country", "DEU", NULL);
  SluiceOpenrtbDevice *device = g_object_new (SLUICE_OPENRTB_TYPE_DEVICE, "ua", "Mozilla/5.0", "devicetype", 2, "lmt", FALSE, "geo", geo, NULL);
  GPtrArray *imps = g_ptr_array_new_with_free_func (g_object_unref);
  GPtrArray *cat = g_ptr_array_new_with_free_func (g_free);
  SluiceOpenrtbSite *site;
  SluiceOpenrtbAuctionRequest *request;

  g_ptr_array_add (imps, imp);
  g_ptr_array_add (cat, g_strdup ("IAB7"));
  site = g_object_new (SLUICE_OPENRTB_TYPE_SITE, "domain", "example.com", "cat", cat, NULL);
  request = g_object_new (SLUICE_OPENRTB_TYPE_AUCTION_REQUEST, "id", "auction-1", "tmax", 5000, "imp", imps, "site", site, "device", device, NULL);
  g_ptr_array_unref (cat);
  g_ptr_array_unref (imps);
  g_object_unref (banner);
  g_object_unref (geo);
  g_object_unref (site);
  g_object_unref (device);
  return request;
}

static void
scores (Filter *at, const char *partner, const char *want)
{
  SluiceAdfilterBidRequest *request = published (partner, "Mozilla/5.0");
  gpointer answer = NULL;
  GError *error = NULL;
  gboolean ok = filter_ask (at, ask_filter, request, &answer, &error);
  SluiceAdfilterBidResponse *response = answer;

  check (ok, "filter", error);
  check (response->likelihoodToBid == strtod (getenv (want), NULL) && !response->degraded, "filter answers another score", NULL);
  check (strcmp (response->release, getenv ("RELEASE")) == 0, "filter answers with another release", NULL);
  g_object_unref (response);
  g_object_unref (request);
}

static void
fails (Filter *at, const char *agent, GQuark domain)
{
  SluiceAdfilterBidRequest *request = published ("almera", agent);
  gpointer answer = NULL;
  GError *error = NULL;

  check (!filter_ask (at, ask_filter, request, &answer, &error), "no error", NULL);
  check (error->domain == domain, "another error than it should be", error);
  g_clear_error (&error);
  g_object_unref (request);
}

static void
decides (Filter *task)
{
  SluiceOpenrtbAuctionRequest *request = auction ();
  gpointer answer = NULL;
  GError *error = NULL;
  gboolean ok = filter_ask (task, ask_decide, request, &answer, &error);
  SluiceAdfilterDecision *decision = answer;
  GPtrArray *bidders = g_ptr_array_new_with_free_func (g_free);
  GPtrArray *outcomes = g_ptr_array_new_with_free_func (g_object_unref);

  check (ok, "decide", error);
  check (decision->partners->len == 3, "partners are missing", NULL);
  check (SLUICE_ADFILTER_PARTNER_DECISION (g_ptr_array_index (decision->partners, 0))->score == strtod (getenv ("DECIDED"), NULL),
         "decide answers another score", NULL);
  g_ptr_array_add (bidders, g_strdup ("almera"));
  g_ptr_array_add (outcomes, g_object_new (SLUICE_ADFILTER_TYPE_OUTCOME, "receipt", decision->receipt, "bidders", bidders, NULL));
  check (filter_ask (task, ask_report, outcomes, NULL, &error), "report", error);
  g_ptr_array_unref (bidders);
  g_ptr_array_unref (outcomes);
  g_object_unref (decision);
  g_object_unref (request);
}

int
main (void)
{
  Filter task = { getenv ("ADDRESS") }, cut = { getenv ("CUTS") }, stalled = { getenv ("STALLS") };
  Filter secure = { getenv ("TLS"), getenv ("CA") };
  gchar *large = g_strnfill (300 << 10, 'x'); /* over the limit of a message */

  thrift_ssl_socket_initialize_openssl ();
  scores (&task, "almera", "SCORE");
  decides (&task);
  fails (&task, large, THRIFT_APPLICATION_EXCEPTION_ERROR);
  scores (&task, "bidello", "OTHER");
  scores (&cut, "almera", "SCORE");
  scores (&cut, "bidello", "OTHER");
  fails (&stalled, "Mozilla/5.0", THRIFT_TRANSPORT_ERROR);
  scores (&stalled, "bidello", "OTHER");
  scores (&secure, "almera", "SCORE");
  filter_close (&task);
  filter_close (&cut);
  filter_close (&stalled);
  filter_close (&secure);
  g_free (large);
  thrift_ssl_socket_finalize_openssl ();
  printf ("C, thrift_c_glib %s: as it should be\n", THRIFT_VERSION);
  return 0;
}
