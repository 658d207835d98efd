import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Executors;

/** What the shop sells. */
public final class Catalog {
    private static final String PRODUCTS = "[\"anchor\",\"compass\",\"lantern\"]";

    public static void main(String[] args) throws IOException {
        int port = Integer.parseInt(System.getenv("PORT"));
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 0);
        server.setExecutor(Executors.newCachedThreadPool());
        server.createContext("/", exchange -> answer(exchange, about()));
        server.createContext("/healthz", exchange -> answer(exchange, "{\"status\":\"ok\"}"));
        // SIGTERM: what is under way gets a second to finish.
        Runtime.getRuntime().addShutdownHook(new Thread(() -> server.stop(1)));
        server.start();
        System.out.println("catalog listens on " + port);
    }

    private static String about() {
        return String.format(
            "{\"service\":\"%s\",\"instance\":\"%s\",\"revision\":\"%s\",\"pid\":%d,\"language\":\"Java %s\",\"products\":%s}",
            System.getenv("SLIPWAY_SERVICE"), System.getenv("SLIPWAY_INSTANCE"), System.getenv("SLIPWAY_REVISION"),
            ProcessHandle.current().pid(), System.getProperty("java.version"), PRODUCTS);
    }

    private static void answer(HttpExchange exchange, String json) throws IOException {
        byte[] body = (json + "\n").getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        exchange.sendResponseHeaders(200, body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }
}
