import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import ml.dmlc.xgboost4j.java.Booster;
import ml.dmlc.xgboost4j.java.DMatrix;
import ml.dmlc.xgboost4j.java.XGBoost;

/**
 * Writes models that XGBoost's JVM package trained while it watched a metric,
 * with its own answers, which are those of all trees.
 *
 * <pre>
 * mvn -q dependency:build-classpath -Dxgboost=1.7.6 -Dmdep.outputFile=classpath
 * java -cp $(cat classpath) JvmFixtures.java OUTPUT_FOLDER 1.7.6
 * </pre>
 *
 * <p>once each for 1.5.2, 1.7.6 and 2.1.4. Numbers are the eight hex digits of a float32.
 */
public class JvmFixtures {
  static final int FEATURES = 6;

  public static void main(String[] args) throws Exception {
    String version = args[1];
    Random random = new Random(11);
    float[] x = rows(random, 600);
    float[] y = new float[600];
    for (int i = 0; i < y.length; i++) {
      double logit = seen(x[FEATURES * i + 2]) + Math.sin(seen(x[FEATURES * i])) + seen(x[FEATURES * i + 4]) - .5;
      y[i] = random.nextDouble() < 1 / (1 + Math.exp(-logit)) ? 1 : 0;
    }
    DMatrix train = labelled(x, y, 0, 400);
    DMatrix watched = labelled(x, y, 400, 600);

    Map<String, Object> params = new HashMap<>(Map.of("objective", "binary:logistic", "eta", 1.0, "max_depth", 4, "eval_metric", "logloss", "seed", 3, "nthread", 1));
    Booster booster = XGBoost.train(train, params, 25, Map.of("watched", watched), null, null);
    System.out.println(version + ": " + booster.getAttrs());

    String stem = args[0] + "/v" + version + "-jvm";
    for (String ending : version.startsWith("1.5") ? List.of("json", "bin") : List.of("json", "ubj", "bin")) {
      // What has no ending that it knows, it saves in the format of old.
      booster.saveModel(ending.equals("bin") ? stem + ".deprecated" : stem + "." + ending);
    }
    Files.move(Path.of(stem + ".deprecated"), Path.of(stem + ".bin"), java.nio.file.StandardCopyOption.REPLACE_EXISTING);

    float[] asked = rows(random, 100);
    for (int f = 0; f < FEATURES; f++) {
      asked[f] = Float.NaN;
    }
    float[][] margins = booster.predict(matrix(asked), true);
    float[][] scores = booster.predict(matrix(asked));
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < margins.length; i++) {
      StringBuilder line = new StringBuilder();
      for (int f = 0; f < FEATURES; f++) {
        line.append(hex(asked[FEATURES * i + f]));
      }
      lines.add(line + " " + hex(margins[i][0]) + " " + hex(scores[i][0]));
    }
    Files.write(Path.of(stem + ".all"), lines);
  }

  /** Few distinct values per column, a fifth of them missing. */
  static float[] rows(Random random, int n) {
    float[] x = new float[FEATURES * n];
    for (int i = 0; i < x.length; i++) {
      float value = switch (i % FEATURES) {
        case 0 -> random.nextInt(24);
        case 1 -> random.nextInt(40) / 8f;
        case 2 -> random.nextInt(7) - 3;
        case 3 -> random.nextInt(2);
        case 4 -> Math.round(10 * random.nextGaussian()) / 10f;
        default -> random.nextFloat();
      };
      x[i] = random.nextInt(5) == 0 ? Float.NaN : value;
    }
    return x;
  }

  static float seen(float v) {
    return Float.isNaN(v) ? 0 : v;
  }

  static DMatrix labelled(float[] x, float[] y, int from, int to) throws Exception {
    DMatrix m = matrix(java.util.Arrays.copyOfRange(x, FEATURES * from, FEATURES * to));
    m.setLabel(java.util.Arrays.copyOfRange(y, from, to));
    return m;
  }

  static DMatrix matrix(float[] x) throws Exception {
    return new DMatrix(x, x.length / FEATURES, FEATURES, Float.NaN);
  }

  static String hex(float v) {
    return String.format("%08x", Float.floatToIntBits(v));
  }
}
